// Node: a name under which somebody receives, with its mailbox's lanes and its memberships. Plain state; broker's
// thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/history.hpp"
#include "core/name_table.hpp"
#include "core/stream/stream.hpp"
#include "core/types.hpp"

namespace broker {

struct Connection;
struct Group;
struct Node;

/// How long a lagging reader may still hold its senders back; see pace in delivery.cpp.
struct BackpressureBudget {
    std::int64_t budget_us = 0;
    std::int64_t advanced_us = 0;  ///< last ACK that moved its cursor
    std::int64_t charged_us = 0;   ///< up to when holding back has been charged; 0: not holding
};

/// Bytes that the store is reading, as long as this is there: counted in a sum, which outlives it.
class Asked {
public:
    Asked() = default;
    Asked(std::size_t& sum, std::size_t bytes) : sum_(&sum), bytes_(bytes) { sum += bytes; }
    Asked(Asked&& other) noexcept : sum_(std::exchange(other.sum_, nullptr)), bytes_(other.bytes_) {}
    Asked& operator=(Asked&& other) noexcept {
        std::swap(sum_, other.sum_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Asked() {
        if (sum_ != nullptr) *sum_ -= bytes_;
    }

private:
    std::size_t* sum_ = nullptr;
    std::size_t bytes_ = 0;
};

/// One priority of a mailbox: a stream with one reader.
struct Lane {
    Lane(StreamId id, UsageTotals& totals, Node& owner);
    /// Of no node: what a start found of one that is gone.
    Lane(StreamId id, UsageTotals& totals) : stream(id, totals) { stream.orphan(); }
    Stream stream;
    Node* node = nullptr;
    int priority = 0;
    Sequence cursor = 0;      ///< acknowledged
    Sequence sent = 0;        ///< handed to the present connection
    Sequence high_sent = 0;   ///< ever handed to any reader
    Asked asked;              ///< what is read back for its reader
    bool announced = false;   ///< the present reader knows of this lane
    bool unreadable = false;  ///< the store does not give back what comes next: lower priorities do not wait for it
    // What its readers die of (redelivery.cpp).
    bool had_unacked = false;  ///< a reader that had been handed something has gone
    bool exhausted = false;  ///< and that too often: what follows the cursor is given up before it is handed out again
    bool gap_pending = false;             ///< the present reader is to be told what was given up
    std::uint32_t delivery_attempts = 0;  ///< readers that went while the cursor stood where it stands
    std::uint64_t decided = 0;  ///< the turn in which something was given up; the reader hears of it once that is kept
    BackpressureBudget backpressure;
    std::vector<SessionId> waiting;  ///< sessions with receipts held back for it
};

/// Nodes in the order of their names; also by a name alone.
struct ByName {
    using is_transparent = void;
    bool operator()(const Named* a, const Named* b) const { return a->name < b->name; }
    bool operator()(const Named* a, std::string_view name) const { return a->name < name; }
    bool operator()(std::string_view name, const Named* a) const { return name < a->name; }
};

/// A node's place in a group (or in broadcast).
struct Membership {
    Group* group = nullptr;
    Sequence cursor = 0;      ///< counts by itself while `own`, else the subscription's does
    Sequence high = 0;        ///< an earlier reader may have got everything up to it
    Sequence start = 0;       ///< its cursor when its present reader was told of it
    std::uint32_t place = 0;  ///< of its node in Subscription::nodes, while it is read
    bool own = true;
    bool touched = false;  ///< listed for the next transaction
};

struct Node : Named {
    std::uint64_t id : 42 = 0;  ///< counts the nodes that were ever made
    int port : 17 = 0;
    bool created : 1 = false, hidden : 1 = false;
    bool online : 1 = false;                                 ///< as last told in an event
    bool dirty : 1 = false;                                  ///< listed among the nodes of this turn
    bool busy : 1 = false;                                   ///< listed among the busiest
    SessionId holder = 0;                                    ///< session that receives as it; 0: none
    SessionId reader = 0;                                    ///< session that received as it last
    Connection* connection = nullptr;                        ///< where it is received now
    std::int64_t lost_us = 0;                                ///< since when its holder has no connection
    MailboxUsage queued;                                     ///< in all its lanes
    std::vector<std::unique_ptr<Lane>> lanes;                ///< highest priority first
    std::vector<Membership> memberships;                     ///< by stream id
    std::uint64_t received = 0, acknowledged = 0, sent = 0;  ///< messages
    std::unique_ptr<NodeHistory> history;                    ///< null: nothing is kept

    Membership* membership(const Group& group);
    Membership& add_membership(const Membership& membership);
};

inline Lane::Lane(StreamId id, UsageTotals& totals, Node& owner)
    : stream(id, totals, owner.queued, owner.hidden), node(&owner) {}

}  // namespace broker
