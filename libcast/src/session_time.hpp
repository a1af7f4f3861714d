// Times of the client's session logic, in microseconds of a monotonic clock given from outside. Constants only.
#pragma once
#include <cstdint>
#include <limits>

namespace cast::detail {

inline constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kMillisecond = 1000;
inline constexpr std::int64_t kAckDelay = 5 * kMillisecond;
inline constexpr std::int64_t kAckRide = 3 * kMillisecond;     // so much earlier when something else leaves
inline constexpr std::int64_t kAckIdle = 50 * kMillisecond;     // looks at slow handlers this often
inline constexpr std::int64_t kRetryFirst = 5 * kMillisecond;   // at a full target, doubling
inline constexpr std::int64_t kRetryMost = 500 * kMillisecond;

}  // namespace cast::detail
