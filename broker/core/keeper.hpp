// Keeper: the core's side of the store: makes transactions of what changed, lets go of what the store holds for
// readers who are away, takes in what was read back, and builds the state anew at a start. Pure; broker's thread.
//
// A transaction covers everything up to the present turn and is made when the store is idle: so many turns share one,
// and what was acknowledged before it is never written.
#pragma once
#include <utility>
#include <vector>

#include "core/attachments.hpp"
#include "core/dead.hpp"
#include "core/groups.hpp"
#include "core/later.hpp"
#include "core/looking.hpp"
#include "core/mailboxes.hpp"
#include "core/state.hpp"

namespace broker {

class Keeper {
public:
    Keeper(State& state, Groups& groups, Mailboxes& mailboxes, Looking& looking, DeadLetters& dead, Later& later)
        : state_(state), groups_(groups), mailboxes_(mailboxes), looking_(looking), dead_(dead), later_(later) {}

    /// Is it time for a transaction? Cursors and the like wait a while when nothing else is to be written; then
    /// `due_us` is brought forward to when they are.
    bool wants(Now now, std::int64_t& due_us) const;
    void collect(Transaction& transaction, Now now);
    /// The transactions up to this turn are in the store.
    void committed(Turn turn);
    void loaded(Loaded&& loaded, Now now, Outbox& outbox);
    /// Asks again for what the store could not read, ever more rarely. Returns when it next does.
    std::int64_t tick(Now now, Outbox& outbox);
    void restore(const Recovered& recovered, Now now, Outbox& outbox);

private:
    void collect_streams(Transaction& transaction);
    void collect_nodes(Transaction& transaction);
    void collect_sessions(Transaction& transaction);
    void cool(Lane& lane);
    void cool(Group& group);
    void reap(Lane& lane, std::vector<StoredBatch>&& batches, Sequence through, Now now, Outbox& outbox);
    void failed(Loaded&& loaded, Lane* lane, Now now, Outbox& outbox);
    void readable(const Loaded& loaded, Now now, Outbox& outbox);
    bool waited_for(const Unreadable& unreadable) const;
    const Stream* stream_of(StreamId id) const;  ///< null: no lane, group or lane of a node that is gone
    void tell(const char* kind, StreamId stream, const std::string& text, Now now, Outbox& outbox) const;
    void restore_stream(const StreamRow& row, const Recovered& recovered, std::vector<ColdRange> cold, Now now, Outbox& outbox);
    void restore_members(const Recovered& recovered);
    void restore_expiries(const Recovered& recovered, Now now);

    State& state_;
    Groups& groups_;
    Mailboxes& mailboxes_;
    Looking& looking_;
    DeadLetters& dead_;
    Later& later_;
    std::vector<std::pair<StreamId, Sequence>> under_way_;  ///< streams of the transaction that the store has now
    Turn under_way_turn_ = 0;
    std::int64_t collected_us_ = 0;
};

}  // namespace broker
