// nodectl/duration.hpp: durations as people type them, and back.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "nodectl/duration.hpp"

using namespace nodectl;

TEST_CASE("a duration is a number and a unit; a plain number means seconds") {
    constexpr std::pair<const char*, long> kGood[] = {
        {"0", 0},         {"5", 5000},  {"5s", 5000},      {"500ms", 500}, {"2m", 120000}, {"1h", 3600000},
        {"1d", 86400000}, {"0.5", 500}, {"1.5h", 5400000}, {"0.0001", 1},  {"0.1ms", 1},   {"3660d", 316224000000}};
    for (const auto& good : kGood) {
        CAPTURE(good.first);
        const auto got = parse_duration(good.first);
        REQUIRE(got.has_value());
        CHECK(got->count() == good.second);
    }
}

TEST_CASE("what is no duration, negative or beyond ten years is refused") {
    for (const char* text : {"",
                             "s",
                             "ms",
                             "-1",
                             "-1s",
                             "1x",
                             "1 s",
                             " 1",
                             "1 ",
                             "1ss",
                             "one",
                             "nan",
                             "inf",
                             "infinity",
                             "1e9d",
                             "3661d",
                             "999999999999999999999d",
                             "0x10",
                             "1,5",
                             "+5",
                             "1s1s"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_duration(text).has_value());
    }
}

TEST_CASE("durations are told in words that can be read, and most of them parsed again") {
    constexpr std::pair<long, const char*> kTold[] = {
        {0, "0ms"},      {500, "500ms"},           {1000, "1s"}, {1500, "1.5s"}, {90000, "1m 30s"},
        {3600000, "1h"}, {90061000, "1d 1h 1m 1s"}};
    for (const auto& [ms, text] : kTold) {
        CHECK(duration_text(Milliseconds(ms)) == text);
        if (std::string(text).find(' ') == std::string::npos) CHECK(parse_duration(text) == Milliseconds(ms));
    }
}

TEST_CASE("an uptime is told in whole seconds") {
    CHECK(uptime_text(0.9) == "less than 1s");
    CHECK(uptime_text(1.9) == "1s");
    CHECK(uptime_text(3600) == "1h");
}

TEST_CASE("a silence is waited for in slices, and ends when it should") {
    using std::chrono::microseconds;
    CHECK(slice_of({}, Milliseconds(5000)) == Milliseconds(200));
    CHECK(slice_of(Milliseconds(1000), Milliseconds(0)) == Milliseconds(200));
    CHECK(slice_of(Milliseconds(1000), Milliseconds(950)) == Milliseconds(50));
    CHECK(slice_of(Milliseconds(50), microseconds(100)) == Milliseconds(50));
    CHECK(slice_of(Milliseconds(50), microseconds(49900)) == Milliseconds(1));
    CHECK(slice_of(Milliseconds(50), Milliseconds(70)) == Milliseconds(1));
}
