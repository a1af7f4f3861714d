// base/duration.hpp: durations from and to text. The examples are in tests/support/durations.txt, which the page's test
// reads, too.
#include "base/duration.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <string>

using namespace std::chrono_literals;
using cast::base::format_duration;
using cast::base::parse_duration;

TEST_CASE("the examples of durations are read as they say") {
    std::ifstream file(CAST_SOURCE_DIR "/tests/support/durations.txt");
    int examples = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with('#')) continue;
        const auto bar = line.rfind('|');
        REQUIRE(bar != std::string::npos);
        const std::string text = line.substr(1, bar - 1), expected = line.substr(bar + 2);
        const auto duration = parse_duration(text);
        CHECK_MESSAGE((duration ? std::to_string(duration->count()) : "refused") == expected, text);
        ++examples;
    }
    CHECK(examples > 50);
}

TEST_CASE("what is beyond the type is its largest value, so that whoever knows the limit names it") {
    constexpr auto kLongest = std::chrono::milliseconds::max();
    for (const char* text : {"9223372036854775807ms", "9223372036854775808ms", "9223372036854775807d", "106751991168d",
                             "99999999999999999999s", "9223372036854775807.5ms"}) {
        CHECK_MESSAGE(parse_duration(text) == kLongest, text);
    }
    CHECK(parse_duration("106751991167d") == std::chrono::days(106751991167));
}

TEST_CASE("a number of seconds is read as its text would be") {
    CHECK(parse_duration(0.0) == 0ms);
    CHECK(parse_duration(-0.0) == 0ms);
    CHECK(parse_duration(30.0) == 30s);
    CHECK(parse_duration(0.07) == 70ms);
    CHECK(parse_duration(0.0001) == 1ms);
    CHECK(parse_duration(1e-300) == 1ms);
    CHECK(parse_duration(1e300) == std::chrono::milliseconds::max());
    for (const double bad :
         {-1.0, -1e-9, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
        CHECK_FALSE(parse_duration(bad).has_value());
}

TEST_CASE("a duration is written in its largest unit that is exact") {
    CHECK(format_duration(90s) == "90s");
    CHECK(format_duration(24h) == "1d");
    CHECK(format_duration(1500ms) == "1500ms");
    CHECK(format_duration(0s) == "0s");
    CHECK(format_duration(-5s) == "0s");
    for (const auto duration : {1ms, 999ms, 60'000ms, 86'400'000ms, 123'456'789ms})
        CHECK(parse_duration(format_duration(duration)) == duration);
}
