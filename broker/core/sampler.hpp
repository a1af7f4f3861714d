// Sampler: samples of the messages that the broker takes, for its own page alone: they show everybody's mail. It is
// open only while somebody takes them; then it picks at most kSampleRate messages a second, from the front of their
// batches, and counts the others. Pure; broker's thread.
#pragma once
#include <string>
#include <vector>

#include "core/types.hpp"
#include "wire/batch.hpp"

namespace broker {

inline constexpr std::int64_t kSampleRate = 200;           // samples a second...
inline constexpr std::int64_t kSampleBurst = 50;           // ...and at once, after a quiet time
inline constexpr std::size_t kSamplePayload = 1024;        // bytes of a payload that are shown
inline constexpr std::size_t kSamplesKept = 500;           // samples that wait to be taken
inline constexpr std::int64_t kSamplerOpen = 5 * kSecond;  // after the last time that somebody took them

struct Sample {
    cast::wire::Cast cast = cast::wire::Cast::unicast;
    std::string sender, target, type, payload;
    std::string headers;   ///< the encoded map
    std::size_t size = 0;  ///< of the whole payload
    int priority = 0;
    std::uint64_t wall_us = 0;  ///< arrival
    std::uint64_t seen = 0;     ///< messages taken since the sample before, with this one
};

class Sampler {
public:
    void see(const cast::wire::BatchView& batch, Now now);
    bool open() const { return open_; }
    /// What was picked since the last time; opens it.
    std::vector<Sample> take(Now now);

private:
    bool open_ = false;
    std::int64_t until_us_ = 0;
    std::vector<Sample> samples_;
    std::int64_t credit_ = kSampleBurst;
    std::int64_t counted_us_ = 0;
    std::uint64_t seen_ = 0;
};

}  // namespace broker
