// Busiest: the nodes with the most traffic, kept as it goes: whoever is not listed has no more than the last one that
// is. So statistics need not look at all nodes. Plain state; broker's thread.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/directory.hpp"

namespace broker {

class Busiest {
public:
    static constexpr std::size_t kKept = 1000;

    /// Its traffic has grown.
    void grown(Node& node) {
        if (node.busy || node.hidden || traffic(node) <= least_) return;
        node.busy = true;
        nodes_.push_back(&node);
        if (nodes_.size() >= 2 * kKept) cut();
    }
    /// It is about to be no more. What was cut off may be among the busiest now: it comes back with its next message.
    void forget(Node& node) {
        if (!node.busy) return;
        std::erase(nodes_, &node);
        if (nodes_.size() < kKept) least_ = 0;
    }
    const std::vector<Node*>& nodes() const { return nodes_; }  ///< the busiest, and up to as many others

private:
    static std::uint64_t traffic(const Node& node) { return node.received + node.sent; }
    void cut() {
        const auto end = nodes_.begin() + static_cast<std::ptrdiff_t>(kKept);
        std::nth_element(nodes_.begin(), end - 1, nodes_.end(), [](const Node* a, const Node* b) {
            return traffic(*a) != traffic(*b) ? traffic(*a) > traffic(*b) : a->id < b->id;
        });
        least_ = traffic(**(end - 1));
        for (auto at = end; at != nodes_.end(); ++at) (*at)->busy = false;
        nodes_.erase(end, nodes_.end());
    }

    std::vector<Node*> nodes_;
    std::uint64_t least_ = 0;
};

}  // namespace broker
