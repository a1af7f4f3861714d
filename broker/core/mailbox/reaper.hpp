// Reaper: what becomes of the mail of nodes that are gone, and of mailboxes that were purged. The senders are told, and
// what nobody has read of a gone node's becomes dead letters, in the order in which it would have been read. That takes
// as many turns as there is mail; what the store alone has is read for it. A crash takes back what no transaction has,
// and the next broker goes on from there: each batch is in its lane or has become letters. Pure; broker's thread.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "core/dead_letters.hpp"
#include "core/session/receipts.hpp"
#include "core/state.hpp"

namespace broker {

class Reaper {
public:
    Reaper(State& state, Receipts& receipts, DeadLetters& dead) : state_(state), receipts_(receipts), dead_(dead) {}

    /// Lanes that are no node's any more (Mailboxes::disown), one after the other. Purged ones have their cursor at the
    /// end. `hidden`: of a node whose mail becomes no letters.
    void take(std::vector<std::unique_ptr<Lane>>&& lanes, bool hidden, Now now, Outbox& outbox);
    /// A lane that a start found without its node.
    void restore(std::unique_ptr<Lane> lane, Outbox& outbox);
    /// As much as this turn allows.
    void go_on(Now now, Outbox& outbox);
    /// Some of it can go on in the next turn.
    bool ready() const { return !ready_.empty(); }
    /// The store's answer, or a part of it: nothing through there but these. `whole`: nothing follows it.
    void read(Lane& lane, std::vector<StoredBatch>&& batches, Sequence through, bool whole, Now now, Outbox& outbox);

private:
    bool go_on(OrphanedLane& orphan, Now now, Outbox& outbox);
    void load(OrphanedLane& orphan, Outbox& outbox) const;
    void end(OrphanedLane& orphan);
    void drop(const OrphanedLane& orphan, const StoredBatch& batch, Now now);

    State& state_;
    Receipts& receipts_;
    DeadLetters& dead_;
    std::deque<StreamId> ready_;  ///< those that wait for no answer of the store, and for no lane before them
};

}  // namespace broker
