// ReadyQueue: the nodes of Queue::shared that have messages, in the order in which they take turns. It holds no message
// and keeps no node alive. Pure; under the link's lock.
#pragma once
#include <cstddef>
#include <deque>
#include <memory>

namespace cast::detail {

class ReadyQueue {
public:
    /// Whoever walks through the node's messages; who lists itself twice has two turns.
    void add(const std::weak_ptr<void>& reader) { readers_.push_back(reader); }
    bool empty() const { return readers_.empty(); }
    std::size_t size() const { return readers_.size(); }
    /// The next one, taken out. Null when it is gone.
    std::shared_ptr<void> next() {
        std::shared_ptr<void> reader = readers_.front().lock();
        readers_.pop_front();
        return reader;
    }

private:
    std::deque<std::weak_ptr<void>> readers_;
};

}  // namespace cast::detail
