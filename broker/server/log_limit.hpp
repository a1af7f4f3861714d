// LogLimit: how many of the lines that a client can cause are written: a burst, then so many a second. Time is a
// parameter. Pure; its owner keeps it to one thread at a time.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>

namespace broker {

class LogLimit {
public:
    static constexpr std::int64_t kBurst = 50;
    static constexpr std::int64_t kPerSecond = 5;

    /// Whether one more line may be written now; one that may not is counted.
    bool take(std::int64_t now_us) {
        if (last_us_) credit_us_ = std::min(kBurst * kCost, credit_us_ + std::max<std::int64_t>(0, now_us - *last_us_));
        last_us_ = last_us_ ? std::max(*last_us_, now_us) : now_us;
        if (credit_us_ < kCost) {
            ++left_out_;
            return false;
        }
        credit_us_ -= kCost;
        return true;
    }
    std::uint64_t left_out() const { return left_out_; }
    /// Those left out that nobody was told of yet.
    std::uint64_t unreported() const { return left_out_ - reported_; }
    void mark_reported() { reported_ = left_out_; }

private:
    static constexpr std::int64_t kCost = 1'000'000 / kPerSecond;
    std::int64_t credit_us_ = kBurst * kCost;
    std::optional<std::int64_t> last_us_;
    std::uint64_t left_out_ = 0, reported_ = 0;
};

}  // namespace broker
