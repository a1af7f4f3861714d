// base/clock.hpp: clocks in microseconds.
#include "base/clock.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace cast::base;

TEST_CASE("the monotonic clock never goes back, and its coarse sister is not ahead of it") {
    const std::int64_t coarse = coarse_monotonic_us(), first = monotonic_us(), second = monotonic_us();
    CHECK(coarse <= first);
    CHECK(first <= second);
}

TEST_CASE("the wall clock counts microseconds since 1970") {
    const auto now_us = [] {
        const auto since = std::chrono::system_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
    };
    const std::int64_t before = now_us(), at = wall_us(), after = now_us();
    CHECK(before <= at);
    CHECK(at <= after);
}
