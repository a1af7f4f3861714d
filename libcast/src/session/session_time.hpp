// Times of the client's session logic, in microseconds of a monotonic clock given from outside.
#pragma once
#include <chrono>
#include <cstdint>
#include <limits>

namespace cast::detail {

inline constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kMillisecond = 1000;

/// The same in microseconds; kForever for what is too long to count, nothing for what is negative.
constexpr std::int64_t microseconds(std::chrono::milliseconds time) {
    return time.count() > kForever / kMillisecond ? kForever : time.count() < 0 ? 0 : time.count() * kMillisecond;
}
/// A deadline so far from `now`; kForever for what is too long to count.
constexpr std::int64_t deadline_after(std::int64_t now, std::chrono::milliseconds time) {
    return microseconds(time) > kForever - now ? kForever : now + microseconds(time);
}

inline constexpr std::int64_t kAckDelay = 5 * kMillisecond;
inline constexpr std::int64_t kAckRide = 3 * kMillisecond;     // so much earlier when something else leaves
inline constexpr std::int64_t kAckIdle = 50 * kMillisecond;    // looks at slow handlers this often
inline constexpr std::int64_t kRetryFirst = 5 * kMillisecond;  // at a full target, doubling
inline constexpr std::int64_t kRetryMost = 500 * kMillisecond;

}  // namespace cast::detail
