// Spin: whether it pays to look again for a moment instead of going to sleep. Waking a sleeping thread costs tens of
// microseconds on an idle processor (more in a virtual machine), several times what the broker does for a message.
// So while single messages come every moment the broker keeps looking, and lets whoever wants the processor go first.
// It sleeps at once when messages are rare, and under load: then there is work for it, and others need the time. Pure.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace broker {

class Spin {
public:
    /// The longest look, in microseconds. A round trip of two programs through the broker takes less, and so does a
    /// sync of a good disk; a broker that gets less than a message in this time does not spin at all.
    static constexpr std::int64_t kLongestUs = 500;

    bool pays() const { return light_ >= kLightTurns && usual_us_ < kLongestUs; }

    /// A wait took this long, asleep or not.
    void waited(std::int64_t us) { usual_us_ += (std::min(us, 4 * kLongestUs) - usual_us_) / kShare; }

    /// A turn took in so much.
    void took(std::size_t bytes) { light_ = bytes > kLightBytes ? 0 : std::min(light_ + 1, kLightTurns); }

private:
    static constexpr std::size_t kLightBytes = 4096;
    static constexpr int kLightTurns = 16;
    static constexpr std::int64_t kShare = 8;  // of a new wait in the mean

    std::int64_t usual_us_ = 4 * kLongestUs;
    int light_ = 0;
};

}  // namespace broker
