// Statistics: counters, rates and the latency histogram of one broker. Adding costs an increment; whatever takes
// work is worked out when somebody asks. Pure; broker's thread.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cast/error.hpp>
#include <cstdint>

#include "core/types.hpp"

namespace broker {

/// Values in log-linear buckets: 16 to each power of two, so a percentile is within 6 % of the truth.
class Histogram {
public:
    void add(std::uint64_t value) {
        ++buckets_[index(value)];
        ++count_;
        if (value > max_) max_ = value;
    }
    std::uint64_t count() const { return count_; }
    std::uint64_t max() const { return max_; }
    /// The value below which a share `p` (0 to 1) lies; 0 when empty.
    std::uint64_t percentile(double p) const;

private:
    static constexpr int kSub = 16;
    static std::size_t index(std::uint64_t v) {
        if (v < kSub) return static_cast<std::size_t>(v);
        const int shift = 63 - std::countl_zero(v) - 4;
        return static_cast<std::size_t>(shift + 1) * kSub + static_cast<std::size_t>((v >> shift) - kSub);
    }
    std::array<std::uint64_t, 64 * kSub> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

/// What rates are made of.
struct Flow {
    std::uint64_t messages_in = 0;
    std::uint64_t messages_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
};
struct Rate {
    double messages_in = 0;
    double messages_out = 0;
    double bytes_in = 0;
    double bytes_out = 0;
};

class Statistics {
public:
    Flow flow;
    std::array<std::uint64_t, 4> by_cast{};  ///< messages accepted; index: wire::Cast
    std::uint64_t batches_in = 0;
    std::uint64_t batches_out = 0;
    std::uint64_t receipts = 0;
    std::uint64_t redelivered = 0;
    std::uint64_t repaired_gaps = 0;
    std::uint64_t gaps_expired = 0;  ///< messages that readers were told are gone, by reason
    std::uint64_t gaps_retention = 0;
    std::uint64_t gaps_purged = 0;
    std::uint64_t gaps_redeliveries = 0;
    std::uint64_t expired = 0;
    std::uint64_t discarded = 0;
    std::uint64_t scheduled_entered = 0;  ///< messages whose time has come
    std::uint64_t scheduled_refused = 0;  ///< of those that found no target then
    std::uint64_t scheduled_canceled = 0;
    std::array<std::uint64_t, cast::kErrorCodes> refused{};  ///< messages, by code
    std::array<std::uint64_t, cast::kErrorCodes> errors{};   ///< frames answered with ERROR, by code
    Histogram latency_us;
    std::uint64_t turns = 0;

    /// A turn of the broker is over.
    void took(std::uint64_t turn_us) {
        ++turns;
        longest_us_ = std::max(longest_us_, turn_us);
        longest_ever_us_ = std::max(longest_ever_us_, turn_us);
    }
    /// The longest turn of the last minute or so, and since the start.
    std::uint64_t longest_turn_us() const;
    std::uint64_t longest_turn_ever_us() const { return longest_ever_us_; }
    /// Takes a sample once a second; call it at least that often.
    void sample(std::int64_t mono_us);
    /// The mean per second over the last `seconds` (1, 10 or 60), or over what there is.
    Rate rate(int seconds) const;

private:
    static constexpr std::size_t kSamples = 61;
    struct Sample {
        std::int64_t mono_us = 0;
        Flow flow;
        std::uint64_t longest_us = 0;  ///< turn since the sample before
    };
    std::array<Sample, kSamples> samples_{};
    std::size_t taken_ = 0;
    std::uint64_t longest_us_ = 0, longest_ever_us_ = 0;
};

}  // namespace broker
