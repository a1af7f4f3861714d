// Directory: the nodes and groups that exist, their lanes, memberships and subscriptions. Plain state with its
// look-ups and its rules of making and removing; who delivers to them is delivery.cpp. Broker's thread.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/group/cursors.hpp"
#include "core/name_table.hpp"
#include "core/node.hpp"
#include "core/session/session.hpp"
#include "core/stream/stream.hpp"
#include "core/types.hpp"

namespace broker {

struct Connection;
struct Group;
struct Node;

/// One connection's reading of a group's stream, for all its member nodes there.
struct Subscription {
    Connection* connection = nullptr;
    Group* group = nullptr;
    Sequence acked = 0;  ///< of all its nodes that are not `own`
    std::vector<Node*> nodes;
    Cursors own;          ///< of nodes whose membership counts by itself
    Sequence lowest = 0;  ///< the least of acked and the own cursors
    BackpressureBudget backpressure;
    std::int64_t tail_due_us = 0, tail_wait_us = 0;
    // Of more nodes than Config::few_nodes: the cursors are stored in turns (Groups::save_cursors).
    bool dirty = false;     ///< listed for that
    std::size_t saved = 0;  ///< so many of its nodes had their turn
    Sequence saving = 0;    ///< `acked` when the first of them had
};

/// A FETCH that goes on when the store has answered.
struct WaitingFetch {
    ConnectionId connection = 0;
    Sequence asked = 0;  ///< its `from`
    Sequence next = 0;
    std::size_t left = 0;  ///< bytes that it may still bring
    bool found = false;    ///< it has brought something
};

/// Without a name it is broadcast.
struct Group : Named {
    Group(StreamId id, UsageTotals& totals) : stream(id, totals) {}
    bool created = false;
    bool dissolved = false;  ///< it was deleted, and is in no directory; its members leave over several turns
    Stream stream;
    std::set<Node*, ByName> members;  ///< not kept for broadcast
    std::size_t member_count = 0;
    std::vector<std::unique_ptr<Subscription>> subscriptions;
    Cursors absent;         ///< of the members that nobody holds
    bool may_trim = false;  ///< the least of all cursors may have risen: the sweep looks
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
    bool own() const { return !name.empty() && name.front() == '$'; }  ///< $events: not counted as sent by nodes
};

/// What a stream id stands for: exactly one of the two.
struct StreamOwner {
    Lane* lane = nullptr;
    Group* group = nullptr;
};

class Directory {
public:
    /// `totals`: of all streams, those of the directory among them.
    explicit Directory(UsageTotals& totals, StreamId first_stream = 1, StreamId broadcast = 0);

    Node* node(std::string_view name);
    Group* group(std::string_view name);
    Group& broadcast() { return *broadcast_; }
    StreamOwner owner(StreamId id) const;
    /// Somebody reads the presence events.
    bool watched();

    /// A new node; a member of broadcast from its present end on, unless hidden.
    Node& add_node(std::string_view name, bool hidden);
    /// The node that has this port of its own; null for 0.
    Node* holder_of_port(int port) const;
    void set_port(Node& node, int port);
    /// Null: nobody receives as it.
    void set_connection(Node& node, Connection* connection);
    void set_created(Node& node, bool created);
    /// This stream is nobody's any more.
    void disown(StreamId id) { owners_.erase(id); }
    /// Takes it out of everything. Its memberships must have been ended (delivery.cpp) before.
    void remove_node(Node& node);
    Lane& lane(Node& node, int priority, std::int64_t backpressure_us, StreamId id = 0);
    /// Puts a new lane in the place of this one, which is its node's no more.
    std::unique_ptr<Lane> replace(Lane& lane, std::int64_t backpressure_us);
    /// `id`: of a stream that there was before; 0: a new one.
    Group& add_group(std::string_view name, StreamId id = 0);
    /// Takes it out of everything but its members.
    std::unique_ptr<Group> take_group(Group& group);

    StreamId next_stream() const { return next_stream_; }
    std::uint64_t nodes_made() const { return next_node_ - 1; }                   ///< ever
    std::uint64_t nodes_removed() const { return nodes_made() - nodes_.size(); }  ///< ever
    StreamId take_stream() { return next_stream_++; }                             ///< for what is no lane and no group
    std::size_t nodes() const { return nodes_.by_name().size(); }
    std::size_t attached() const { return attached_; }  ///< of those
    std::size_t created() const { return created_; }    ///< the same
    std::size_t groups() const { return groups_.size(); }

    const NameTable<Node>::Order& nodes_by_name() const { return nodes_.by_name(); }  ///< but hidden ones
    const NameTable<Group>::Order& groups_by_name() const { return groups_.by_name(); }
    template <class Visit>
    void for_each_node(Visit&& visit) {
        nodes_.for_each(visit);
    }
    template <class Visit>
    void for_each_group(Visit&& visit) {
        groups_.for_each(visit);
    }

private:
    static constexpr std::size_t kFew = 20'000, kMany = 100'000;  // more than few: room for the default of max-nodes

    UsageTotals& totals_;
    StreamId next_stream_;
    std::uint64_t next_node_ = 1;
    NameTable<Node> nodes_;
    NameTable<Group> groups_;
    std::unordered_map<StreamId, StreamOwner> owners_;
    std::unordered_map<int, Node*> ports_;
    std::unique_ptr<Group> broadcast_;
    std::size_t attached_ = 0, created_ = 0;
};

}  // namespace broker
