// Directory: the nodes and groups that exist, their lanes, memberships and subscriptions. Plain state with its
// look-ups and its rules of making and removing; who delivers to them is delivery.cpp. Broker's thread.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/history.hpp"
#include "core/session.hpp"
#include "core/stream.hpp"
#include "core/types.hpp"

namespace broker {

struct Connection;
struct Group;
struct Node;

/// How long a lagging reader may still hold its senders back; see pace in delivery.cpp.
struct Pace {
    std::int64_t budget_us = 0;
    std::int64_t advanced_us = 0;   ///< last ACK that moved its cursor
    std::int64_t charged_us = 0;    ///< up to when holding back has been charged; 0: not holding
};

/// One priority of a mailbox: a stream with one reader.
struct Lane {
    explicit Lane(StreamId id) : stream(id) {}
    Stream stream;
    Node* node = nullptr;
    int priority = 0;
    Sequence cursor = 0;     ///< acknowledged
    Sequence sent = 0;       ///< handed to the present connection
    Sequence high_sent = 0;  ///< ever handed to any reader
    bool told = false;       ///< the present reader knows of this lane
    // What its readers die of (redelivery.cpp).
    bool left = false;       ///< a reader that had been handed something has gone
    bool over = false;       ///< and that too often: what follows the cursor is given up before it is handed out again
    bool untold = false;     ///< the present reader is to be told what was given up
    std::uint32_t goings = 0;  ///< readers that went while the cursor stood where it stands
    std::uint64_t decided = 0; ///< the turn in which something was given up; the reader hears of it once that is kept
    Pace pace;
    std::vector<SessionId> waiting;  ///< sessions with receipts held back for it
};

/// A node's place in a group (or in broadcast).
struct Membership {
    Group* group = nullptr;
    Sequence cursor = 0;   ///< counts by itself while `own`, else the subscription's does
    Sequence high = 0;     ///< an earlier reader may have got everything up to it
    Sequence start = 0;    ///< its cursor when its present reader was told of it
    bool own = true;
    bool touched = false;  ///< listed for the next transaction
};

struct Node {
    std::uint64_t id : 43 = 0;  ///< counts the nodes that were ever made
    int port : 17 = 0;
    bool created : 1 = false, hidden : 1 = false;
    bool online : 1 = false;  ///< as last told in an event
    bool dirty : 1 = false;   ///< listed among the nodes of this turn
    std::string name;
    SessionId holder = 0;              ///< session that receives as it; 0: none
    SessionId reader = 0;              ///< session that received as it last
    Connection* connection = nullptr;  ///< where it is received now
    std::int64_t lost_us = 0;          ///< since when its holder has no connection
    std::vector<std::unique_ptr<Lane>> lanes;  ///< highest priority first
    std::vector<Membership> memberships;
    std::size_t queued_bytes = 0, queued_messages = 0;
    std::uint64_t received = 0, acknowledged = 0, sent = 0;  ///< messages
    std::unique_ptr<NodeHistory> history;  ///< null: nothing is kept

    Membership* membership(const Group& group);
};

/// One connection's reading of a group's stream, for all its member nodes there.
struct Subscription {
    Connection* connection = nullptr;
    Group* group = nullptr;
    Sequence acked = 0;       ///< of all its nodes that are not `own`
    std::vector<Node*> nodes;
    std::size_t own = 0;      ///< nodes whose membership counts by itself
    Sequence lowest = 0;      ///< the least of acked and the own cursors, or lower while `stale`
    bool stale = false;
    Pace pace;
    std::int64_t tail_due_us = 0, tail_wait_us = 0;
};

/// A FETCH that goes on when the store has answered.
struct WaitingFetch {
    ConnectionId connection = 0;
    Sequence asked = 0;  ///< its `from`
    Sequence next = 0;
    std::size_t left = 0;  ///< bytes that it may still bring
    bool found = false;    ///< it has brought something
};

struct Group {
    explicit Group(StreamId id) : stream(id) {}
    std::string name;  ///< empty: broadcast
    bool created = false;
    Stream stream;
    std::set<Node*, ByAge> members;  ///< not kept for broadcast
    std::size_t member_count = 0;
    std::vector<std::unique_ptr<Subscription>> subscriptions;
    Sequence absent_lowest = 0;   ///< at most the least cursor of the members that nobody holds
    bool absent_stale = false;    ///< it may be higher by now
    std::size_t absent = 0;       ///< how many those are
    Sequence published = 0;
    Sequence floor = 0;  ///< all members are past it
    std::int64_t appended_us = 0;
    bool dirty = false;
    bool lagging = false;  ///< listed for TAILs
    std::vector<SessionId> waiting;
    std::vector<WaitingFetch> fetches;  ///< for what is being read from the store
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;

    bool broadcast() const { return name.empty(); }
    bool own() const { return !name.empty() && name.front() == '$'; }  ///< $events, $tap: not counted as sent by nodes
};

/// What a stream id stands for: exactly one of the two.
struct StreamOwner {
    Lane* lane = nullptr;
    Group* group = nullptr;
};

struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
    std::size_t operator()(const std::unique_ptr<Node>& node) const { return (*this)(node->name); }
};

/// Nodes are found by the name that they carry: there may be very many, and each byte counts.
struct SameName {
    using is_transparent = void;
    bool operator()(const std::unique_ptr<Node>& a, const std::unique_ptr<Node>& b) const { return a->name == b->name; }
    bool operator()(std::string_view name, const std::unique_ptr<Node>& node) const { return name == node->name; }
    bool operator()(const std::unique_ptr<Node>& node, std::string_view name) const { return name == node->name; }
};

class Directory {
public:
    explicit Directory(StreamId first_stream, StreamId broadcast = 0);

    Node* node(std::string_view name);
    Group* group(std::string_view name);
    Group& broadcast() { return *broadcast_; }
    StreamOwner owner(StreamId id) const;

    /// A new node; a member of broadcast from its present end on, unless hidden.
    Node& add_node(std::string_view name, bool hidden);
    /// The node that has this port of its own; null for 0.
    Node* holder_of_port(int port) const;
    void set_port(Node& node, int port);
    /// This stream is nobody's any more.
    void disown(StreamId id) { owners_.erase(id); }
    /// Takes it out of everything. Its memberships must have been ended (delivery.cpp) before.
    void remove_node(Node& node);
    Lane& lane(Node& node, int priority, std::int64_t hold_back_us, StreamId id = 0);
    /// Puts a new lane in the place of this one, which is its node's no more.
    std::unique_ptr<Lane> replace(Lane& lane, std::int64_t hold_back_us);
    /// `id`: of a stream that there was before; 0: a new one.
    Group& add_group(std::string_view name, StreamId id = 0);
    void remove_group(Group& group);

    StreamId next_stream() const { return next_stream_; }
    std::uint64_t nodes_made() const { return next_node_ - 1; }  ///< ever
    StreamId take_stream() { return next_stream_++; }  ///< for what is no lane and no group
    std::size_t nodes() const { return visible_; }
    std::size_t groups() const { return groups_.size(); }

    template <class Visit>
    void for_each_node(Visit&& visit) {
        for (auto& node : nodes_) visit(*node);
    }
    template <class Visit>
    void for_each_group(Visit&& visit) {
        for (auto& entry : groups_) visit(*entry.second);
    }

private:
    StreamId next_stream_;
    std::uint64_t next_node_ = 1;
    std::unordered_set<std::unique_ptr<Node>, NameHash, SameName> nodes_;
    std::unordered_map<std::string, std::unique_ptr<Group>, NameHash, std::equal_to<>> groups_;
    std::unordered_map<StreamId, StreamOwner> owners_;
    std::unordered_map<int, Node*> ports_;
    std::unique_ptr<Group> broadcast_;
    std::size_t visible_ = 0;
};

}  // namespace broker
