// base/timestamp.hpp: RFC 3339 and seconds since 1970, in and out.
#include "base/timestamp.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>

using namespace cast::base;
using std::chrono::microseconds;

namespace {

constexpr std::int64_t kUs = 1'000'000;

std::string written(std::int64_t us) {
    std::string out;
    append_timestamp(out, microseconds(us));
    return out;
}

}  // namespace

TEST_CASE("a timestamp is read with its fraction and its offset from UTC") {
    constexpr std::pair<const char*, std::int64_t> kGood[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2023-11-14T22:13:20Z", 1'700'000'000 * kUs},
        {"2023-11-14t22:13:20z", 1'700'000'000 * kUs},
        {"2023-11-14 22:13:20Z", 1'700'000'000 * kUs},
        {"2023-11-14T22:13Z", 1'699'999'980 * kUs},
        {"2023-11-14T22:13:20.5Z", 1'700'000'000 * kUs + 500'000},
        {"2023-11-14T22:13:20.123456789Z", 1'700'000'000 * kUs + 123'456},
        {"2023-11-15T00:13:20+02:00", 1'700'000'000 * kUs},
        {"2023-11-14T18:43:20-03:30", 1'700'000'000 * kUs},
        {"2024-02-29T00:00:00Z", 1'709'164'800 * kUs},
        {"2016-12-31T23:59:60Z", 1'483'228'800 * kUs},  // a leap second
        {"1969-12-31T23:59:59.75Z", -250'000},
        {"0000-01-01T00:00:00Z", -62'167'219'200 * kUs},
        {"9999-12-31T23:59:59Z", 253'402'300'799 * kUs}};
    for (const auto& good : kGood) {
        CAPTURE(good.first);
        CHECK(parse_timestamp(good.first) == microseconds(good.second));
    }
}

TEST_CASE("what is no timestamp is refused") {
    for (const char* bad : {"",
                            "soon",
                            "2023-11-14",
                            "2023-11-14T22:13:20",
                            "2023-11-14T22Z",
                            "2023-13-01T00:00:00Z",
                            "2023-00-01T00:00:00Z",
                            "2023-06-31T00:00:00Z",
                            "2023-02-29T00:00:00Z",
                            "1900-02-29T00:00:00Z",
                            "2023-11-14T24:00:00Z",
                            "2023-11-14T22:60:00Z",
                            "2023-11-14T22:13:61Z",
                            "2023-11-14T22:13:20+2",
                            "2023-11-14T22:13:20+24:00",
                            "2023-11-14T22:13:20+02:60",
                            "2023-11-14T22:13:20.Z",
                            "2023-11-14T22:13:20,5Z",
                            "2023-11-14T22:13:20Zx",
                            "+023-11-14T22:13:20Z",
                            "2023-+1-14T22:13:20Z",
                            "23-11-14T22:13:20Z",
                            "2023-11-14T 2:13:20Z",
                            "2023-2-30T00:00:00Z"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_timestamp(bad).has_value());
    }
}

TEST_CASE("without an offset it is one of the local time, for who takes that") {
    setenv("TZ", "CST-8", 1);
    tzset();
    CHECK(parse_timestamp("2023-11-15T06:13:20", NoOffset::local_time) == microseconds(1'700'000'000 * kUs));
    CHECK(parse_timestamp("2023-11-15 06:13:20.5", NoOffset::local_time) ==
          microseconds(1'700'000'000 * kUs + 500'000));
    CHECK(parse_timestamp("2023-11-14T22:13:20Z", NoOffset::local_time) == microseconds(1'700'000'000 * kUs));
    CHECK_FALSE(parse_timestamp("2023-11-15T06:13:20x", NoOffset::local_time).has_value());
    unsetenv("TZ");
    tzset();
}

TEST_CASE("seconds since 1970 may have a fraction") {
    CHECK(parse_unix_seconds("0") == microseconds(0));
    CHECK(parse_unix_seconds("1700000000.25") == microseconds(1'700'000'000 * kUs + 250'000));
    for (const char* bad : {"", "-5", "+5", ".5", "5.", "1e9", "5s", "1000000000000", "18446744073709551617"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_unix_seconds(bad).has_value());
    }
}

TEST_CASE("timestamps are written in UTC with microseconds, and read again") {
    CHECK(written(1'700'000'000'123'456) == "2023-11-14T22:13:20.123456Z");
    CHECK(written(1'700'000'000'123'456) == "2023-11-14T22:13:20.123456Z");
    CHECK(written(0) == "1970-01-01T00:00:00.000000Z");
    CHECK(written(-1) == "1969-12-31T23:59:59.999999Z");
    for (const std::int64_t us : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{4'102'444'800'000'007}})
        CHECK(parse_timestamp(written(us)) == microseconds(us));
}
