// Groups: multicast and broadcast. Takes batches into a group's stream, publishes them, keeps its readers'
// cursors, answers their FETCHes, lets go of what all have read or the retention forbids. Pure; broker's thread.
#pragma once
#include <deque>
#include <forward_list>
#include <memory>
#include <optional>
#include <utility>

#include "core/session/receipts.hpp"
#include "core/state.hpp"
#include "core/stream/positions.hpp"

namespace broker {

class Groups {
public:
    Groups(State& state, Receipts& receipts) : state_(state), receipts_(receipts) {}

    cast::ErrorCode admits(const Group& group) const;
    /// `session` is null when nobody waits for a receipt: the broker's own events, what comes from $scheduled.
    void append(Group& group, Session* session, const cast::wire::BatchHeader& header, cast::wire::Slice frame,
                Now now);
    /// Publishes what came in this turn.
    void publish(Group& group, Now now, Outbox& outbox);

    /// Membership. join: from the stream's present end on. Both may be repeated.
    void join(Node& node, Group& group, Now now, Outbox& outbox);
    void leave(Node& node, Group& group, Now now, Outbox& outbox);

    /// Takes the group itself away. Its members leave at once, or over several turns if there are very many: by then
    /// the name may be another group's.
    void remove(Group& group, Now now, Outbox& outbox);
    /// More of those leave, as far as this turn allows.
    void dissolve(Now now, Outbox& outbox);
    /// This node has left what is being dissolved: nobody sees that.
    void settle(Node& node, Now now, Outbox& outbox);

    /// The node is read on this connection from now on; its positions (after a cut, or of so many epochs `ago`) move
    /// its cursors.
    void open(Node& node, const Positions& positions, int ago, Now now);
    /// It no longer is: its cursors count by themselves again.
    void close(Node& node, Now now);
    cast::wire::StreamInfo describe(const Membership& membership) const;

    void ack(Subscription& subscription, const cast::wire::AckEntry& entry, Now now);
    void fetch(Connection& connection, const cast::wire::Fetch& fetch, Now now, Outbox& outbox);
    /// Batches that a FETCH waits for were read back from the store.
    void loaded(Group& group, const std::vector<StoredBatch>& batches, Sequence from, Sequence through, Now now,
                Outbox& outbox);
    void expire(Group& group, Sequence first, Now now);
    /// Throws away what it keeps; readers who had not got it are told of a gap. Returns how many messages.
    std::uint64_t purge(Group& group);
    void review(Group& group, Now now);
    /// Sends the TAILs that are due; returns when the next one is.
    std::int64_t tails(Now now, Outbox& outbox);
    /// Once a second: ages, absent members' cursors, and some of those that are to be stored.
    void sweep(Now now);
    /// Lets go of more of what is to go, as far as this turn allows.
    void go_on(Now now);
    bool ready() const { return !sweeping_.empty() || !dissolving_.empty(); }
    /// The limits have become smaller: from now on trim_to_limits() lets go of what is beyond them, in steps.
    void shrink();
    /// True: there are more steps.
    bool trim_to_limits(Now now);

private:
    /// Batches that one group lets go of at a time, or groups that are looked at.
    static constexpr int kDropsAtOnce = 1024;

    bool dissolve(Group& group, Now now, Outbox& outbox);
    Subscription& subscribe(Node& node, Membership& membership, Now now);
    void unsubscribe(Node& node, Membership& membership, Now now);
    void recount(Subscription& subscription);
    /// It was acknowledged further: where its nodes stand is stored, at once if they are few.
    void advanced(Subscription& subscription);
    void list_dirty(Subscription& subscription);
    void save_cursors();
    void trim(Group& group);
    bool retain(Group& group, Now now);
    bool sweep_one(Group& group, Now now);
    /// Looks after its tail loss from now on.
    void watch_tail(Group& group);
    std::int64_t tail(Group& group, Now now, Outbox& outbox);
    void drop_front(Group& group, std::optional<cast::wire::GapReason> reason);
    void drop_all(Group& group, std::optional<cast::wire::GapReason> reason);
    bool past_age(const Group& group, Now now) const;
    bool past_retention(const Group& group, Now now) const;
    void bring(Group& group, Connection& connection, WaitingFetch fetch, Now now, Outbox& outbox);
    bool bring_one(Stream& stream, Connection& connection, const StoredBatch& batch, WaitingFetch& fetch, Now now,
                   Outbox& outbox);
    void end_fetch(Stream& stream, Connection& connection, const WaitingFetch& fetch, Outbox& outbox);
    bool lags(const Group& group, const Subscription& subscription) const;
    bool holds(Group& group, Now now);
    State& state_;
    Receipts& receipts_;
    std::forward_list<std::unique_ptr<Group>> dissolving_;
    std::deque<StreamId> sweeping_;                        ///< groups that may have to let go of something
    std::deque<std::pair<StreamId, ConnectionId>> dirty_;  ///< subscriptions whose nodes' cursors are to be stored
    std::vector<StreamId> shrinking_;                      ///< groups that may have more than they should
};

}  // namespace broker
