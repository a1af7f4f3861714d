// Percentiles and rates. Pure; broker's thread.
#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace broker {

std::uint64_t Histogram::percentile(double p) const {
    if (count_ == 0) return 0;
    const auto want =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(p * static_cast<double>(count_))));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        seen += buckets_[i];
        if (seen < want) continue;
        if (i < kSub) return i;
        const std::size_t shift = i / kSub - 1;
        return std::min(max_, ((i % kSub + kSub + 1) << shift) - 1);
    }
    return max_;
}

void Statistics::sample(std::int64_t mono_us) {
    if (taken_ > 0 && mono_us < samples_[(taken_ - 1) % kSamples].mono_us + kSecond) return;
    samples_[taken_ % kSamples] = {mono_us, flow, longest_us_};
    longest_us_ = 0;
    ++taken_;
}

std::uint64_t Statistics::longest_turn_us() const {
    std::uint64_t longest = longest_us_;
    for (const Sample& sample : samples_) longest = std::max(longest, sample.longest_us);
    return longest;
}

Rate Statistics::rate(int seconds) const {
    if (taken_ < 2) return {};
    const std::size_t back = std::min({static_cast<std::size_t>(seconds), taken_ - 1, kSamples - 1});
    const Sample& newest = samples_[(taken_ - 1) % kSamples];
    const Sample& oldest = samples_[(taken_ - 1 - back) % kSamples];
    const double s = static_cast<double>(newest.mono_us - oldest.mono_us) / 1e6;
    if (s <= 0) return {};
    auto per_second = [s](std::uint64_t now, std::uint64_t then) { return static_cast<double>(now - then) / s; };
    return {per_second(newest.flow.messages_in, oldest.flow.messages_in),
            per_second(newest.flow.messages_out, oldest.flow.messages_out),
            per_second(newest.flow.bytes_in, oldest.flow.bytes_in),
            per_second(newest.flow.bytes_out, oldest.flow.bytes_out)};
}

}  // namespace broker
