// State: everything the broker knows, and the lists of what this turn has touched. The parts of the core
// (receipts, mailboxes, groups, attachments, router) work on it; none of them owns it. Broker's thread.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/busiest.hpp"
#include "core/directory.hpp"
#include "core/outbox.hpp"
#include "core/persistence/dirty_set.hpp"
#include "core/persistence/persisted_watermark.hpp"
#include "core/sampler.hpp"
#include "core/session/notices.hpp"
#include "core/session/session.hpp"
#include "core/statistics.hpp"
#include "core/store.hpp"
#include "core/stream/expiry_queue.hpp"
#include "core/stream/expiry_scanner.hpp"
#include "core/stream/leavings.hpp"
#include "core/turn_budget.hpp"
#include "core/types.hpp"
#include "wire/names.hpp"

namespace broker {

/// How far a session's batches had come when a turn was closed.
struct Accepted {
    SessionId session = 0;
    std::uint64_t life = 0;
    std::uint64_t through = 0;
    std::uint64_t bytes = 0;
};

/// A stream whose next chunk the store cannot read. Its reader waits; the store is asked again, ever more rarely.
struct Unreadable {
    Load load;
    std::string why;
    int tries = 0;
    std::int64_t since_us = 0;  ///< monotonic, as the other
    std::int64_t again_us = 0;  ///< kNever: the answer is awaited
};

using UnreadablePages = std::map<std::pair<StreamId, Sequence>, Unreadable>;  // by where reading is to go on

/// A lane that is no node's any more; its mail is let go in the order in which it would have been read (Reaper).
struct OrphanedLane {
    std::unique_ptr<Lane> lane;
    StreamId next = 0;     ///< the one of the same node that follows it; 0: none
    bool hidden = false;   ///< its node was
    bool reading = false;  ///< the store's next answer is for this
};

struct State {
    explicit State(const Config& c) : config(c), directory(usage, c.first_stream, c.broadcast_stream) {}

    Config config;
    std::size_t asked = 0;  ///< bytes that the store reads for readers; before the lanes, which count in it
    UsageTotals usage;      ///< of all streams; before them
    Directory directory;
    Sessions sessions;
    Statistics statistics;
    Sampler sampler;
    History history;
    Busiest busiest;
    bool store_healthy = true;

    std::size_t live_bytes = 0;   ///< that came for readers who are there, since the last transaction was collected
    std::size_t memberships = 0;  ///< of all but hidden nodes, in all groups but broadcast
    PersistedWatermark persisted;
    DirtySet dirty{config, persisted};
    std::uint64_t forgetful_epoch = 0;  ///< in which a session was dropped too early; 0: none that would still be here
    std::int64_t restored_us = 0;       ///< when this epoch began
    std::map<StreamId, OrphanedLane> orphaned_lanes;
    UnreadablePages unreadable;
    ExpiryQueue expiry_queue;
    ExpiryScanner expiry_scanner;
    Leavings leavings;
    std::set<Node*, ByLoss> orphans;       ///< held by a session that has no connection
    std::unordered_set<StreamId> holding;  ///< streams with receipts held back
    std::vector<Group*> lagging;           ///< groups with subscriptions behind their end
    std::unordered_set<SessionId> receipts_due;

    TurnBudget budget{config};
    bool may_go_on(std::size_t more = 0) const { return budget.may_go_on(more); }
    bool ending = false;   ///< the broker is about to stop: transactions wait for nothing
    int settling = 0;      ///< turns for which a transaction has waited until no more letters are to be cut (Router)
    std::size_t work = 0;  ///< steps of this turn that are not counted in frames and bytes; close_turn() begins anew

    // What this turn has touched.
    std::vector<Node*> dirty_nodes;
    std::vector<Group*> dirty_groups;
    std::vector<ConnectionId> dirty_connections;
    std::vector<SessionId> accepted;  ///< sessions with new outcomes in this turn
    Turn turn = 0;
    Turn deciding = 1;   ///< the turn whose transaction will hold what is decided now
    Turn committed = 0;  ///< what the store keeps for good
    std::deque<std::pair<Turn, std::vector<Accepted>>> uncommitted;
    std::deque<std::pair<Turn, SessionId>> answers_held;  ///< sessions that are to be answered once this turn is kept
    Notices notices;

    static constexpr std::size_t kMembershipBytes = 160;  ///< what one takes, about
    std::size_t edge_bytes =
        0;  ///< what strangers have sent, and what waits for subscribers, as the broker saw it last
    std::size_t memory_bytes() const { return usage.memory_bytes() + memberships * kMembershipBytes + edge_bytes; }
    /// So much of the budget is in use that readers of what the store has are given little at a time. Else a few that
    /// take much and acknowledge nothing would leave no room for what comes in.
    bool tight() const { return config.durable && memory_bytes() + asked > config.memory_budget / 2; }
    static constexpr std::size_t kLittle = 64u << 10;
    std::size_t little(std::size_t much) const { return tight() ? std::min(much, kLittle) : much; }
    template <class... What>
    void touch(What&&... what) {
        dirty.touch(what...);
    }
    template <class... What>
    void end(const What&... what) {
        dirty.end(what...);
    }
    /// Notes how far everything is numbered: the transaction that is collected now has it, or it need not be stored.
    void mark_persisted() { persisted = {turn, directory.next_stream(), directory.nodes_made(), sessions.lives()}; }
    /// Tells a client of one of its nodes. `stored`: the store is to know that, and does before the client.
    void notify(const Node& node, bool stored, ConnectionId to, std::string&& frame, Outbox& outbox) {
        if (!config.durable || !stored) return outbox.send(to, std::move(frame));
        notices.hold(deciding, to, node.name, std::move(frame));
        dirty.urgent = true;
    }

    bool watched() { return directory.watched(); }
};

}  // namespace broker
