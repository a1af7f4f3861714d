// History: the last messages that each node has acknowledged, kept for somebody who looks. In memory only, at most
// so many a node and so many bytes of all nodes together: then whoever was quiet the longest loses its oldest ones.
// Pure; broker's thread.
#pragma once
#include <deque>
#include <list>

#include "core/types.hpp"
#include "wire/slice.hpp"

namespace broker {

struct Node;

struct Remembered {
    cast::wire::Slice frame;   ///< the stored DELIVER frame
    std::uint64_t number = 0;  ///< of its last message: counts what the node has acknowledged
    std::uint32_t count = 0;
};

struct NodeHistory {
    std::deque<Remembered> batches;  ///< oldest first; never empty
    std::size_t messages = 0;
    std::list<Node*>::iterator place;
};

class History {
public:
    /// The node has acknowledged a batch; Node::acknowledged counts it already.
    void keep(Node& node, cast::wire::Slice&& frame, std::uint32_t count, const Config& config);
    void forget(Node& node);
    /// The limits have become smaller: from now on trim() lets go of what is beyond them.
    void shrink() { shrinking_ = nodes_.begin(); }
    /// At most so many batches; true: there are more.
    bool trim(const Config& config, int most);
    std::size_t bytes() const { return bytes_; }

private:
    void drop_oldest(Node& node);
    std::list<Node*> nodes_;                               ///< that have one, longest quiet first
    std::list<Node*>::iterator shrinking_ = nodes_.end();  ///< from here on they may have more than they should
    std::size_t bytes_ = 0;
};

}  // namespace broker
