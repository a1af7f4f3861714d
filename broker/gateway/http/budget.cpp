// Who is ended when the memory is spent. io thread. See budget.hpp.
#include "gateway/http/budget.hpp"

namespace gateway {

bool Budget::Hold::set(std::size_t bytes) {
    if (ended_) return false;
    if (bytes == 0 || working_) release();
    if (bytes == 0) return true;
    if (!listed_) {
        at_ = budget_.oldest_.insert(budget_.oldest_.end(), this);
        listed_ = true;
    }
    budget_.bytes_ += bytes - bytes_;
    bytes_ = bytes;
    while (budget_.bytes_ > kBytes && !budget_.oldest_.empty()) {
        Hold& hanging = *budget_.oldest_.front();
        hanging.release();
        hanging.ended_ = true;
        ++budget_.ended_;
        if (&hanging == this) return false;
        hanging.end_();
    }
    return true;
}

bool Budget::Hold::work() {
    if (ended_ || working_) return !ended_;
    const bool large = bytes_ > kSmall;
    if (budget_.work_ + bytes_ > kWork || (large && budget_.large_work_ + bytes_ > kLargeWork)) {
        ++budget_.ended_;
        release();
        return false;
    }
    if (listed_) budget_.oldest_.erase(at_);
    listed_ = false;
    working_ = true;
    budget_.work_ += bytes_;
    if (large) budget_.large_work_ += bytes_;
    return true;
}

void Budget::Hold::release() {
    if (listed_) budget_.oldest_.erase(at_);
    if (working_) budget_.work_ -= bytes_;
    if (working_ && bytes_ > kSmall) budget_.large_work_ -= bytes_;
    budget_.bytes_ -= bytes_;
    bytes_ = 0;
    listed_ = working_ = false;
    ended_ = false;
}

}  // namespace gateway
