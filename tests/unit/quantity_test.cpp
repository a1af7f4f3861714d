// Sizes, counts and durations from and to text. Tests of broker/quantity.
#include "quantity.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <string>

using namespace std::chrono_literals;

TEST_CASE("sizes, counts and durations are read and written exactly") {
    const std::map<std::string, std::uint64_t> sizes{{"0", 0},         {"65536", 65536},  {"1B", 1},
                                                     {"64KiB", 65536}, {"1mib", 1 << 20}, {"2GiB", 2ull << 30},
                                                     {"5kB", 5000},    {"1_000", 1000},   {"1MB", 1000000}};
    for (const auto& size : sizes) CHECK_MESSAGE(broker::parse_size(size.first) == size.second, size.first);
    for (const char* bad :
         {"", "MiB", "1.5MiB", "-1", "1 MiB", "1K", "1MiBB", "_1", "1_", "0x10", "1e6", "9999999999999999999XB"}) {
        CHECK_MESSAGE(!broker::parse_size(bad), bad);
    }
    CHECK(broker::parse_duration("250ms") == 250ms);
    CHECK(broker::parse_duration("5m") == 5min);
    CHECK(broker::parse_duration("2d") == 48h);
    CHECK(broker::parse_duration("0") == 0ms);
    for (const char* bad : {"", "5", "s", "1.5s", "-1s", "1 s", "1H", "1min", "99999999999999999999"}) {
        CHECK_MESSAGE(!broker::parse_duration(bad), bad);
    }
    CHECK(broker::format_size(1536) == "1536B");
    CHECK(broker::format_size(3 << 20) == "3MiB");
    CHECK(broker::format_duration(90s) == "90s");
    CHECK(broker::format_duration(24h) == "1d");
    CHECK(broker::format_duration(0s) == "0s");
}

TEST_CASE("what is beyond the type is its largest value, so that whoever knows the limit names it") {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    for (const char* text : {"18446744073709551615", "18446744073709551616", "99999999999999999999", "16777216TiB",
                             "99999999999999999999MiB", "99999999999TiB"}) {
        CHECK_MESSAGE(broker::parse_size(text) == kMost, text);
    }
    CHECK(broker::parse_size("16777215TiB") == 16777215ull << 40);
    CHECK(broker::parse_count("99999999999999999999") == kMost);
    constexpr auto kLongest = std::chrono::milliseconds::max();
    for (const char* text : {"9223372036854775807ms", "9223372036854775808ms", "9223372036854775807d", "106751991168d",
                             "99999999999999999999s"}) {
        CHECK_MESSAGE(broker::parse_duration(text) == kLongest, text);
    }
    CHECK(broker::parse_duration("106751991167d") == std::chrono::days(106751991167));
}
