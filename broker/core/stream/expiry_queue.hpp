// ExpiryQueue: when batches with a ttl run out, the earliest first. It is not told when one is read before that, as
// most are: once there are twice as many entries as were left the last time, those of what is no longer held are swept
// out. Plain state; broker's thread.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_set>
#include <utility>

#include "core/types.hpp"

namespace broker {

/// When the batch that begins at `first` runs out; or, of what an earlier broker stored, the first one of a chunk.
struct Expiry {
    std::int64_t at_us = 0;
    StreamId stream = 0;
    Sequence first = 0;
    Sequence last = 0;  ///< not 0: of a chunk, which ends here
    bool operator>(const Expiry& other) const { return at_us > other.at_us; }
    bool operator==(const Expiry&) const = default;
};

class ExpiryQueue {
public:
    void add(const Expiry& expiry) { push(heap_, expiry); }
    /// Of a batch that may have an entry already.
    void add_again(const Expiry& expiry) {
        twice_ = true;
        add(expiry);
    }
    bool empty() const { return heap_.empty() && unswept_.empty(); }
    std::size_t size() const { return heap_.size() + unswept_.size(); }
    std::int64_t next_us() const { return std::min(first_us(heap_), first_us(unswept_)); }
    Expiry pop() {
        std::deque<Expiry>& from = first_us(unswept_) < first_us(heap_) ? unswept_ : heap_;
        std::pop_heap(from.begin(), from.end(), std::greater<>());
        const Expiry expiry = from.back();
        from.pop_back();
        return expiry;
    }
    /// Worth a sweep: it costs each entry a few looks in all, however many there are. Or one has begun.
    bool many() const { return sweeping_ || heap_.size() >= many_; }
    bool sweeping() const { return sweeping_; }
    /// Leaves those for which held(expiry) is true, each once. Looks at so many at most: then sweeping() is true, and
    /// the next call goes on. Returns how many those were.
    template <class DelayedReceipt>
    std::size_t sweep(DelayedReceipt&& held, std::size_t most = ~std::size_t{0}) {
        if (!std::exchange(sweeping_, true)) begin();
        std::size_t left = most;
        for (; left > 0 && !unswept_.empty(); --left) {
            const Expiry expiry = unswept_.back();  // a heap without its last one is one
            unswept_.pop_back();
            if (held(expiry) && (!each_once_ || seen_.insert(expiry).second)) add(expiry);
        }
        for (; left > 0 && !seen_.empty(); --left) seen_.erase(seen_.begin());
        if (!unswept_.empty() || !seen_.empty()) return most - left;
        sweeping_ = false;
        unswept_ = {};
        many_ = std::max(kFew, 2 * heap_.size());
        return most - left;
    }

private:
    static constexpr std::size_t kFew = 1024;

    static void push(std::deque<Expiry>& heap, const Expiry& expiry) {
        heap.push_back(expiry);
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
    static std::int64_t first_us(const std::deque<Expiry>& heap) { return heap.empty() ? kNever : heap.front().at_us; }

    void begin() {
        unswept_.swap(heap_);
        each_once_ = std::exchange(twice_, false);
        if (each_once_) seen_.reserve(unswept_.size());
    }
    struct Hash {
        std::size_t operator()(const Expiry& expiry) const {
            return (expiry.stream * 0x9e3779b97f4a7c15u ^ expiry.first) * 0x9e3779b97f4a7c15u ^ expiry.last;
        }
    };

    std::deque<Expiry> heap_;
    std::deque<Expiry> unswept_;             ///< a heap, too: what the sweep under way has not looked at
    std::unordered_set<Expiry, Hash> seen_;  ///< by that sweep, if some may be there twice
    std::size_t many_ = kFew;
    bool twice_ = false;  ///< some may have been added twice since the last sweep began
    bool sweeping_ = false, each_once_ = false;
};

}  // namespace broker
