// See handover.hpp.
#include "nodectl/output/handover.hpp"

#include <algorithm>

#include "nodectl/interrupt.hpp"

namespace nodectl {
namespace {

constexpr Milliseconds kFirstInterval{1}, kLastInterval{50};  // at a pipe that somebody is to read from

}  // namespace

void Handover::settle() {
    const std::uint64_t taken = out_.taken();
    if (taken != taken_) {
        taken_ = taken;
        moved_ = Clock::now();
        interval_ = kFirstInterval;
    }
    const auto rest = std::upper_bound(positions_.begin(), positions_.end(), taken);
    const auto count = rest - positions_.begin();
    if (count == 0) return;
    node_.ack(static_cast<std::uint64_t>(count));
    positions_.erase(positions_.begin(), rest);
}

bool Handover::given_up() const { return Clock::now() - moved_ >= (interrupted() != 0 ? kParting : kPatience); }

bool Handover::write() {
    moved_ = Clock::now();
    interval_ = kFirstInterval;
    bool all = false;
    while (!(all = out_.flush_some(kLastInterval)) && !out_.failed() && !out_.reader_gone()) {
        settle();
        if (interrupted() != 0 && given_up()) break;
    }
    settle();
    return all;
}

std::size_t Handover::wait_until_taken() {
    moved_ = Clock::now();
    for (settle(); !positions_.empty() && !out_.reader_gone() && !given_up(); settle())
        out_.wait_for_reader(until_next_check(kLastInterval));
    settle();  // what was taken before the reader went
    return positions_.size();
}

Milliseconds Handover::until_next_check(Milliseconds most) {
    if (positions_.empty()) return most;
    const Milliseconds now = interval_;
    interval_ = std::min(interval_ * 2, kLastInterval);
    return std::min(now, most);
}

}  // namespace nodectl
