// Expiries: when batches with a ttl run out, the earliest first. It is not told when one is read before that, as most are:
// once there are twice as many entries as were left the last time, those of what is no longer held are swept out.
// Plain state; broker's thread.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>
#include <vector>

#include "core/types.hpp"

namespace broker {

/// When the batch that begins at `first` runs out; or, of what an earlier broker stored, the first one of a chunk.
struct Expiry {
    std::int64_t at_us = 0;
    StreamId stream = 0;
    Sequence first = 0;
    Sequence last = 0;  ///< not 0: of a chunk, which ends here
    bool operator>(const Expiry& other) const { return at_us > other.at_us; }
};

class Expiries {
public:
    void add(const Expiry& expiry) {
        heap_.push_back(expiry);
        std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
    /// Of a batch that may have an entry already.
    void add_again(const Expiry& expiry) {
        twice_ = true;
        add(expiry);
    }
    bool empty() const { return heap_.empty(); }
    std::size_t size() const { return heap_.size(); }
    std::int64_t next_us() const { return heap_.empty() ? kNever : heap_.front().at_us; }
    Expiry pop() {
        std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
        const Expiry expiry = heap_.back();
        heap_.pop_back();
        return expiry;
    }
    /// Worth a sweep: it costs each entry a few looks in all, however many there are.
    bool many() const { return heap_.size() >= many_; }
    /// Leaves those for which held(expiry) is true, and of several for one batch the earliest.
    template <class Held>
    void sweep(Held&& held) {
        std::erase_if(heap_, [&](const Expiry& expiry) { return !held(expiry); });
        if (twice_) leave_one_each();
        twice_ = false;
        std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
        many_ = std::max(kFew, 2 * heap_.size());
        if (heap_.capacity() > 4 * many_) heap_.shrink_to_fit();
    }

private:
    static constexpr std::size_t kFew = 1024;

    void leave_one_each() {
        std::sort(heap_.begin(), heap_.end(), [](const Expiry& a, const Expiry& b) {
            return std::tie(a.stream, a.first, a.last, a.at_us) < std::tie(b.stream, b.first, b.last, b.at_us);
        });
        const auto same = [](const Expiry& a, const Expiry& b) { return a.stream == b.stream && a.first == b.first && a.last == b.last; };
        heap_.erase(std::unique(heap_.begin(), heap_.end(), same), heap_.end());
    }

    std::vector<Expiry> heap_;
    std::size_t many_ = kFew;
    bool twice_ = false;  ///< some may have been added twice since the last sweep
};

}  // namespace broker
