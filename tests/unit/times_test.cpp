// nodectl/input/times.hpp: durations and times of options, and how they are told.
#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>

#include "base/duration.hpp"
#include "nodectl/input/times.hpp"

using namespace nodectl;

namespace {

constexpr std::int64_t kNow = 1'700'000'000;  // 2023-11-14 22:13:20 UTC

/// Microseconds since 1970; -1 when the text is no time.
std::int64_t parsed(const char* text) {
    const auto time = parse_time(text, Timestamp(std::chrono::seconds(kNow)));
    return time ? std::chrono::duration_cast<std::chrono::microseconds>(time->time_since_epoch()).count() : -1;
}

struct Utc {
    Utc() {
        setenv("TZ", "UTC", 1);
        tzset();
    }
    ~Utc() {
        unsetenv("TZ");
        tzset();
    }
};

}  // namespace

TEST_CASE("a time is a date, a clock's time or seconds since 1970") {
    const Utc utc;
    constexpr std::pair<const char*, std::int64_t> kGood[] = {
        {"0", 0},
        {"1700000000", kNow * 1'000'000},
        {"1700000000.25", kNow * 1'000'000 + 250'000},
        {"2023-11-14T22:13:20Z", kNow * 1'000'000},
        {"2023-11-14t22:13:20z", kNow * 1'000'000},
        {"2023-11-14 22:13:20", kNow * 1'000'000},
        {"2023-11-14T22:13:20.5Z", kNow * 1'000'000 + 500'000},
        {"2023-11-14T22:13:20.1234567Z", kNow * 1'000'000 + 123'456},
        {"2023-11-15T00:13:20+02:00", kNow * 1'000'000},
        {"2023-11-14T18:43:20-03:30", kNow * 1'000'000},
        {"2024-02-29T00:00:00Z", 1'709'164'800'000'000},
        {"22:13:21", (kNow + 1) * 1'000'000},
        {"22:14", (kNow + 40) * 1'000'000},
        {"22:13", (kNow + 86'400 - 20) * 1'000'000},
        {"00:00", (kNow + 6400) * 1'000'000}};
    for (const auto& good : kGood) {
        CAPTURE(good.first);
        CHECK(parsed(good.first) == good.second);
    }
}

TEST_CASE("what is no time is refused") {
    const Utc utc;
    for (const char* text : {"",
                             "soon",
                             "-5",
                             ".5",
                             "5.",
                             "1e9",
                             "24:00",
                             "12:60",
                             "1:30",
                             "12:3",
                             "12:30x",
                             "2023-11-14",
                             "2023-13-01T00:00:00Z",
                             "2023-06-31T00:00:00Z",
                             "2023-02-29T00:00:00Z",
                             "2023-11-14T22:13:20+2",
                             "2023-11-14T22:13:20+24:00",
                             "2023-11-14T22:13:20.Z",
                             "2023-11-14T25:00:00Z",
                             "1969-12-31T23:59:59Z",
                             "999999999999999999999999"}) {
        CAPTURE(text);
        CHECK(parsed(text) == -1);
    }
}

TEST_CASE(
    "what a system_clock cannot hold is refused, in each of the forms, and does not become a time that has passed") {
    const Utc utc;
    for (const char* text : {"2262-04-11T23:47:15Z", "2262-04-11T23:47:15.999999Z", "2262-04-12T01:47:15+02:00",
                             "2262-04-11T23:47:15", "9223372035", "9223372035.999999"}) {
        CAPTURE(text);
        CHECK(parsed(text) / 1'000'000 == 9'223'372'035);
    }
    for (const char* text : {"2262-04-11T23:47:16Z", "2262-04-12T00:00Z", "2262-04-11T22:47:16-01:00",
                             "2300-01-01T00:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999-23:59",
                             "9223372036", "20242700000", "100000000000", "18446744073709551617"}) {
        CAPTURE(text);
        CHECK(parsed(text) == -1);
    }
}

TEST_CASE("a time is shown as the clock here does") {
    const Utc utc;
    CHECK(local_time_text(Timestamp(std::chrono::seconds(kNow))) == "2023-11-14 22:13:20");
}

TEST_CASE("a duration of more than ten years is none") {
    CHECK(up_to_longest(Milliseconds(316'224'000'000)) == Milliseconds(316'224'000'000));
    CHECK_FALSE(up_to_longest(Milliseconds(316'224'000'001)).has_value());
    CHECK_FALSE(up_to_longest(std::nullopt).has_value());
}

TEST_CASE("durations are told in words that can be read, and most of them parsed again") {
    constexpr std::pair<long, const char*> kShown[] = {
        {0, "0ms"},      {500, "500ms"},           {1000, "1s"}, {1500, "1.5s"}, {90000, "1m 30s"},
        {3600000, "1h"}, {90061000, "1d 1h 1m 1s"}};
    for (const auto& [ms, text] : kShown) {
        CHECK(duration_text(Milliseconds(ms)) == text);
        if (std::string(text).find(' ') == std::string::npos)
            CHECK(cast::base::parse_duration(text) == Milliseconds(ms));
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
