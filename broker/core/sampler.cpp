// Picking samples. Pure; broker's thread.
#include "core/sampler.hpp"

#include <algorithm>
#include <utility>

#include "wire/record.hpp"

namespace broker {

std::vector<Sample> Sampler::take(Now now) {
    if (!open_) seen_ = 0;
    open_ = true;
    until_us_ = now.mono_us + kSamplerOpen;
    return std::exchange(samples_, {});
}

void Sampler::see(const cast::wire::BatchView& batch, Now now) {
    if (now.mono_us > until_us_) {
        open_ = false;
        samples_ = {};
        return;
    }
    constexpr std::int64_t kEach = kSecond / kSampleRate;
    const std::int64_t earned = (now.mono_us - counted_us_) / kEach;
    if (earned > 0) {
        credit_ = std::min(kSampleBurst, credit_ + earned);
        counted_us_ = credit_ == kSampleBurst ? now.mono_us : counted_us_ + earned * kEach;
    }
    const cast::wire::BatchHeader& h = batch.header;
    cast::wire::Reader in(batch.records);
    std::uint32_t shown = 0;
    for (; shown < h.count && credit_ > 0 && samples_.size() < kSamplesKept; ++shown, --credit_) {
        const auto record = cast::wire::read_record(in);
        if (!record) break;
        Sample sample;
        sample.cast = h.cast;
        sample.sender = h.sender;
        sample.target = h.target;
        sample.type = record->type;
        sample.payload = record->payload.substr(0, kSamplePayload);
        sample.headers = record->headers;
        sample.size = record->payload.size();
        sample.priority = h.priority;
        sample.wall_us = now.wall_us;
        sample.seen = std::exchange(seen_, 0) + 1;
        samples_.push_back(std::move(sample));
    }
    seen_ += h.count - shown;
}

}  // namespace broker
