// Notices: what clients are told of their nodes and memberships without having asked: that a node was deleted or taken
// over, that it joined or left a group. A crash may take back what no transaction holds yet, and the client would go on
// believing it; so such a frame waits here until the turn that decided it is kept. Plain state; broker's thread.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/store.hpp"
#include "core/types.hpp"

namespace broker {

class Notices {
public:
    /// For this connection, about this node. `turn`: the one that decided it.
    void hold(Turn turn, ConnectionId to, const std::string& node, std::string&& frame) {
        held_[{to, node}].push_back({turn, std::move(frame)});
        released_ = 0;
    }
    /// The client attaches the node again, or lets it go: the answer to that is all that it has to know.
    void drop(ConnectionId to, std::string_view node) {
        if (!held_.empty()) held_.erase({to, std::string(node)});
    }
    /// The connection has ended.
    void drop(ConnectionId to) {
        auto at = held_.lower_bound({to, std::string()});
        while (at != held_.end() && at->first.first == to) at = held_.erase(at);
    }
    /// visit(connection, frame): those that may leave now, of each node in order.
    template <class Visit>
    void release(Turn committed, Visit&& visit) {
        if (held_.empty() || released_ == committed) return;
        released_ = committed;
        for (auto at = held_.begin(); at != held_.end();) {
            auto& frames = at->second;
            std::size_t n = 0;
            while (n < frames.size() && frames[n].first <= committed)
                visit(at->first.first, std::move(frames[n++].second));
            frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(n));
            at = frames.empty() ? held_.erase(at) : std::next(at);
        }
    }

private:
    std::map<std::pair<ConnectionId, std::string>, std::vector<std::pair<Turn, std::string>>> held_;
    Turn released_ = 0;  ///< all that was kept then has left
};

}  // namespace broker
