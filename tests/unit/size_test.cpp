// base/size.hpp: sizes and counts from and to text.
#include "base/size.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>

TEST_CASE("sizes and counts are read and written exactly") {
    const std::map<std::string, std::uint64_t> sizes{{"0", 0},         {"65536", 65536},  {"1B", 1},
                                                     {"64KiB", 65536}, {"1mib", 1 << 20}, {"2GiB", 2ull << 30},
                                                     {"5kB", 5000},    {"1_000", 1000},   {"1MB", 1000000}};
    for (const auto& size : sizes) CHECK_MESSAGE(cast::base::parse_size(size.first) == size.second, size.first);
    for (const char* bad :
         {"", "MiB", "1.5MiB", "-1", "1 MiB", "1K", "1MiBB", "_1", "1_", "0x10", "1e6", "9999999999999999999XB"}) {
        CHECK_MESSAGE(!cast::base::parse_size(bad), bad);
    }
    CHECK(cast::base::format_size(1536) == "1536B");
    CHECK(cast::base::format_size(3 << 20) == "3MiB");
}

TEST_CASE("what is beyond the type is its largest value, so that whoever knows the limit names it") {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    for (const char* text : {"18446744073709551615", "18446744073709551616", "99999999999999999999", "16777216TiB",
                             "99999999999999999999MiB", "99999999999TiB"}) {
        CHECK_MESSAGE(cast::base::parse_size(text) == kMost, text);
    }
    CHECK(cast::base::parse_size("16777215TiB") == 16777215ull << 40);
    CHECK(cast::base::parse_count("99999999999999999999") == kMost);
}
