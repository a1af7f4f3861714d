// The clock of deadlines outside the core, which is given the time. Any thread.
#pragma once
#include <ctime>

#include <cstdint>

namespace broker {

/// Microseconds of a clock that nobody sets, since a time of its own.
inline std::int64_t clock_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace broker
