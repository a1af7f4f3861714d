// Mailboxes: unicast. Takes batches into a node's lanes, hands them to its reader within the window, moves the
// cursor on ACKs, lets expired ones go. Pure; broker's thread.
#pragma once
#include <deque>

#include "core/session/receipts.hpp"
#include "core/state.hpp"

namespace broker {

class DeadLetters;

class Mailboxes {
public:
    Mailboxes(State& state, Receipts& receipts, DeadLetters& dead) : state_(state), receipts_(receipts), dead_(dead) {}

    /// ok, or why this node takes nothing now: mailbox_full, node_absent.
    cast::ErrorCode admits(const Node& node, const cast::wire::BatchHeader& header) const {
        const cast::ErrorCode code = lets_in(node, header);
        return code == cast::ErrorCode::ok && state_.memory_bytes() >= state_.config.memory_budget
                   ? cast::ErrorCode::mailbox_full
                   : code;
    }
    /// The same for what is in memory already, in $scheduled.
    cast::ErrorCode lets_in(const Node& node, const cast::wire::BatchHeader& header) const;
    /// Takes an admitted batch of `session`, which may be held back for it (null: nobody waits); `frame` is as
    /// StoredBatch says.
    void append(Node& node, Session* session, const cast::wire::BatchHeader& header, cast::wire::Slice frame, Now now);
    /// Hands out what the reader's windows allow, higher priorities first: a lower one once nothing of them is left to
    /// be handed out, wherever it lies.
    void pump(Node& node, Now now, Outbox& outbox);
    void ack(Lane& lane, Sequence sequence, Now now);

    /// Sets a lane up for a new reader, or (with a position) for one that comes back after a cut.
    /// `ago`: the position is of so many epochs before this one, and counts for what that one kept.
    /// `same`: the reader is the one that went.
    void open(Lane& lane, const cast::wire::Position* position, int ago, bool same, Now now);
    /// The reader is gone: nothing is on its way any more, nobody is held back for it.
    void close(Lane& lane, Now now);
    /// What is in it no longer counts as its node's mail: that one is gone, or somebody purged it. The Reaper lets it
    /// go.
    void disown(Lane& lane, Now now);

    /// What is due has run out of its time; where the store alone has it, it is read first (mailbox_expiry.cpp).
    void expire(Lane& lane, const Expiry& due, Now now, Outbox& outbox);
    /// What was read for that. False: it goes on in the next turn with what is left of it.
    bool read_expired(Loaded& loaded, Now now, Outbox& outbox);
    /// What has waited for such reads, as far as this turn allows.
    void read_more_expired(Now now, Outbox& outbox);
    /// What readers that went had, and what this turn was too short for: goes on. True of looks(): there is more.
    void go_on(Now now);
    bool browse_answers() const { return !again_.empty(); }
    /// Its next batches were read back from the store.
    void page_in(Lane& lane, std::vector<StoredBatch>&& batches, Sequence through, Now now);
    /// What it was to read next could not be read: lower priorities go on without it.
    void unreadable(Lane& lane);
    /// The store fails from now on: what waits for a transaction holds lower priorities back no more.
    void store_failed(Node& node);
    /// What turns up to this one decided is kept for good.
    void committed(Lane& lane, Turn turn);
    /// What its reader counts from: before what was given up and it may not have been told of.
    static Sequence announced_cursor(const Lane& lane);
    /// Looks again whether the lane still holds its senders back.
    void review(Lane& lane, Now now);

private:
    /// What a reader had that is gone: some of it may have run out of its time meanwhile.
    struct Again {
        StreamId stream = 0;
        Sequence next = 0;
        Sequence last = 0;
    };

    bool lags(const Lane& lane) const;
    void hand_out(Lane& lane, Now now, Outbox& outbox);
    bool holds_lower(const Lane& lane) const;
    void pass_all(Lane& lane, Now now);
    void end_of_paged_out(Lane& lane, const StoredBatch& batch, Now now);
    /// What comes next, or what was acknowledged, is in the store alone: asks for it. True when pump() has to wait.
    bool ask_store(Lane& lane, Outbox& outbox);
    void mark(Node& node);
    void pass(Lane& lane, StoredBatch& batch, Now now);
    void begin_gap(Lane& lane, Outbox& outbox);
    bool scan_again(Lane& lane, Again& again, Now now);
    bool skip_expired(Lane& lane, Now now);
    void expire_in_memory(Lane& lane, Sequence first, Now now);
    void expire_paged_out(Lane& lane, const Expiry& due, Now now, Outbox& outbox);
    bool expire_read(Lane& lane, const Expiry& due, Loaded& loaded, Now now);
    void count_going(Lane& lane, bool same);
    bool give_up(Lane& lane, std::size_t i, Now now);
    bool tell_given_up(Lane& lane, Outbox& outbox);
    State& state_;
    Receipts& receipts_;
    DeadLetters& dead_;
    std::deque<Again> again_;
};

}  // namespace broker
