// Leavings: batches that nobody needs any more and that count nowhere. Freeing a million of them takes longer than a
// turn may. Plain state; broker's thread.
#pragma once
#include <cstddef>
#include <deque>
#include <utility>

#include "core/stream/stream.hpp"

namespace broker {

class Leavings {
public:
    void add(std::deque<StoredBatch>&& batches) {
        if (!batches.empty()) heaps_.push_back(std::move(batches));
    }
    bool empty() const { return heaps_.empty(); }
    /// Frees so many at most.
    void free(std::size_t most) {
        for (; !heaps_.empty() && most > 0; --most) {
            heaps_.front().pop_front();
            if (heaps_.front().empty()) heaps_.pop_front();
        }
    }

private:
    std::deque<std::deque<StoredBatch>> heaps_;
};

}  // namespace broker
