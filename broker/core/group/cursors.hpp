// Cursors: where the readers of one stream stand, as counts by sequence: each change costs a look-up among the
// different places, and the least of them is known at once, however many readers there are. Plain state; broker's
// thread.
#pragma once
#include <cstddef>
#include <map>

#include "core/types.hpp"

namespace broker {

class Cursors {
public:
    void add(Sequence at) {
        ++counts_[at];
        ++size_;
    }
    void remove(Sequence at) {
        const auto count = counts_.find(at);
        if (--count->second == 0) counts_.erase(count);
        --size_;
    }
    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }  ///< readers
    /// Only when not empty.
    Sequence lowest() const { return counts_.begin()->first; }

private:
    std::map<Sequence, std::size_t> counts_;
    std::size_t size_ = 0;
};

}  // namespace broker
