// The time, in microseconds. Who can be given the time does not read it here: core, wire and the client's session. Any
// thread.
#pragma once
#include <ctime>

#include <cstdint>

namespace cast::base {

inline std::int64_t read_clock_us(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return std::int64_t(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

/// Since a time of its own, by a clock that nobody sets.
inline std::int64_t monotonic_us() { return read_clock_us(CLOCK_MONOTONIC); }
/// The same as of the kernel's last tick, some milliseconds ago: it costs a tenth.
inline std::int64_t coarse_monotonic_us() { return read_clock_us(CLOCK_MONOTONIC_COARSE); }
/// Since 1970, by a clock that somebody may set.
inline std::int64_t wall_us() { return read_clock_us(CLOCK_REALTIME); }

}  // namespace cast::base
