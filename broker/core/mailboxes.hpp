// Mailboxes: unicast. Takes batches into a node's lanes, hands them to its reader within the window, moves the
// cursor on ACKs, lets expired ones go. Pure; broker's thread.
#pragma once
#include "core/receipts.hpp"
#include "core/state.hpp"

namespace broker {

class Mailboxes {
public:
    Mailboxes(State& state, Receipts& receipts) : state_(state), receipts_(receipts) {}

    /// ok, or why this node takes nothing now: mailbox_full, node_absent.
    cast::ErrorCode admits(const Node& node, const cast::wire::BatchHeader& header) const;
    /// Takes an admitted batch of `session`; `frame` is as StoredBatch says.
    void append(Node& node, Session& session, const cast::wire::BatchHeader& header, cast::wire::Slice frame, Now now);
    /// Hands out what the reader's windows allow, higher priorities first.
    void pump(Node& node, Now now, Outbox& outbox);
    void ack(Lane& lane, Sequence sequence, Now now);

    /// Sets a lane up for a new reader, or (with a position) for one that comes back after a cut.
    /// `earlier`: the position is of the epoch before this one, and counts for what that one kept.
    void open(Lane& lane, const cast::wire::Position* position, bool earlier, Now now);
    /// The reader is gone: nothing is on its way any more, nobody is held back for it.
    void close(Lane& lane, Now now);
    /// Everything in it is dropped because its node is deleted, or (Lane::purged) somebody wants it so. What is in the
    /// store alone stays there.
    void discard(Lane& lane, Now now);
    /// The same for batches of such a lane that were in the store.
    void drop(const StoredBatch& batch, Now now);

    /// The batch that begins at `first` has run out of its time.
    void expire(Lane& lane, Sequence first, Now now);
    /// Its next batches were read back from the store.
    void warm(Lane& lane, std::vector<StoredBatch>&& batches, Sequence through, Now now);
    /// Looks again whether the lane still holds its senders back.
    void review(Lane& lane, Now now);

private:
    bool lags(const Lane& lane) const;
    void pass_all(Lane& lane, Now now);
    /// What comes next, or what was acknowledged, is in the store alone: asks for it. True when pump() has to wait.
    bool ask_store(Lane& lane, Outbox& outbox);
    void mark(Node& node);
    void pass(Lane& lane, StoredBatch& batch, Now now);
    void begin_gap(Lane& lane, Outbox& outbox);
    void skip_expired(Lane& lane, Now now);
    State& state_;
    Receipts& receipts_;
};

}  // namespace broker
