// SimEdge: the broker's edge over the simulated Network. Each frame that goes in or out passes here: the oracle is
// shown what comes, and what the clients were told is noted.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/edge.hpp"

namespace sim {

class World;

class SimEdge final : public broker::Edge {
public:
    explicit SimEdge(World& world) : world_(world) {}

    bool receive(broker::ConnectionId& from, cast::wire::Slice& frame) override;
    Sent send(broker::ConnectionId to, const cast::wire::Slice& frame) override;
    void publish(std::uint64_t topic, const cast::wire::Slice& frame) override;
    const std::vector<std::string>& published() const override { return published_; }
    void set_topics(std::function<bool(std::uint64_t)> topics) override { topics_ = std::move(topics); }
    void greeted(broker::ConnectionId peer) override;
    void disconnected(broker::ConnectionId peer, bool cut) override;
    broker::EdgeCounts counts() const override { return {}; }

    /// The event at which a node was granted to its reader.
    std::uint64_t granted(broker::ConnectionId wire, std::uint32_t request, const std::string& node) const;
    std::uint64_t digest() const { return digest_; }

private:
    void note_grants(broker::ConnectionId to, std::string_view bytes);
    void note_receipt(broker::ConnectionId to, std::string_view bytes);
    void digest(std::string_view bytes);

    World& world_;
    const std::vector<std::string> published_{"inproc://publish"};
    std::function<bool(std::uint64_t)> topics_;
    std::map<std::tuple<broker::ConnectionId, std::uint32_t, std::string>, std::uint64_t> grants_;
    std::set<broker::ConnectionId> greeted_;  // those that the core knows
    std::set<broker::ConnectionId> unsent_;   // those that missed a frame
    std::uint64_t digest_ = 0;
};

}  // namespace sim
