// Tap: samples of the messages that the broker takes, for those who look on (members of $tap). It is asked only while
// there are any; then it picks at most kTapRate messages a second, from the front of their batches, and counts the
// others. Pure; broker's thread.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "core/types.hpp"
#include "wire/batch.hpp"

namespace broker {

inline constexpr std::int64_t kTapRate = 200;     // samples a second...
inline constexpr std::int64_t kTapBurst = 50;     // ...and at once, after a quiet time
inline constexpr std::size_t kTapPayload = 1024;  // bytes of a payload that are shown

struct Sample {
    cast::wire::Cast cast = cast::wire::Cast::unicast;
    std::string sender, target, type, payload;
    std::string headers;   ///< the encoded map
    std::size_t size = 0;  ///< of the whole payload
    int priority = 0;
    std::uint64_t wall_us = 0;  ///< arrival
    std::uint64_t seen = 0;     ///< messages taken since the sample before, with this one
};

class Tap {
public:
    void see(const cast::wire::BatchView& batch, Now now);
    bool empty() const { return samples_.empty(); }
    std::vector<Sample> take() { return std::exchange(samples_, {}); }

private:
    std::vector<Sample> samples_;
    std::int64_t credit_ = kTapBurst;
    std::int64_t counted_us_ = 0;
    std::uint64_t seen_ = 0;
};

}  // namespace broker
