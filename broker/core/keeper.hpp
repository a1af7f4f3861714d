// Keeper: the core's side of the store: makes transactions of what changed, lets go of what the store holds for
// readers who are away, takes in what was read back, and builds the state anew at a start. Pure; broker's thread.
//
// A transaction covers everything up to the present turn and is made when the store is idle: so many turns share one,
// and what was acknowledged before it is never written.
#pragma once
#include <deque>
#include <utility>
#include <vector>

#include "core/attachments.hpp"
#include "core/dead.hpp"
#include "core/groups.hpp"
#include "core/later.hpp"
#include "core/looking.hpp"
#include "core/mailboxes.hpp"
#include "core/reaper.hpp"
#include "core/state.hpp"

namespace broker {

class Keeper {
public:
    Keeper(State& state, Groups& groups, Mailboxes& mailboxes, Reaper& reaper, Looking& looking, DeadLetters& dead,
           Later& later)
        : state_(state),
          groups_(groups),
          mailboxes_(mailboxes),
          reaper_(reaper),
          looking_(looking),
          dead_(dead),
          later_(later) {}

    /// Is it time for a transaction? Cursors and the like wait a while when nothing else is to be written; then
    /// `due_us` is brought forward to when they are.
    bool wants(Now now, std::int64_t& due_us) const;
    void collect(Transaction& transaction, Now now);
    /// The transactions up to this turn are in the store.
    void committed(Turn turn);
    void loaded(Loaded&& loaded, Now now, Outbox& outbox);
    /// Goes on with what the store has answered, as far as this turn allows.
    void go_on(Now now, Outbox& outbox);
    bool ready() const { return !arrived_.empty(); }
    /// Asks again for what the store could not read, ever more rarely. Returns when it next does.
    std::int64_t tick(Now now, Outbox& outbox);
    void restore(const Recovered& recovered, Now now, Outbox& outbox);

private:
    void collect_streams(Transaction& transaction);
    void collect_nodes(Transaction& transaction);
    void collect_sessions(Transaction& transaction);
    void cool(Lane& lane);
    void cool(Group& group);
    void take_first(Now now, Outbox& outbox);
    bool take_in(Loaded& loaded, Now now, Outbox& outbox);
    std::vector<StoredBatch> recall(Loaded& loaded, const Stream& stream, const Lane* lane, Sequence begin,
                                    Sequence last, Now now) const;
    void failed(Loaded&& loaded, Lane* lane, Now now, Outbox& outbox);
    void readable(const Loaded& loaded, Now now, Outbox& outbox);
    bool waited_for(const Unreadable& unreadable) const;
    const Stream* stream_of(StreamId id) const;  ///< null: no lane, group or lane of a node that is gone
    void tell(const char* kind, StreamId stream, const std::string& text, Now now, Outbox& outbox) const;
    void restore_stream(const StreamRow& row, const Recovered& recovered, std::vector<ColdRange> cold, Now now,
                        Outbox& outbox);
    void restore_members(const Recovered& recovered);
    void restore_expiries(const Recovered& recovered, Now now);

    State& state_;
    Groups& groups_;
    Mailboxes& mailboxes_;
    Reaper& reaper_;
    Looking& looking_;
    DeadLetters& dead_;
    Later& later_;
    std::deque<Loaded> arrived_;                            ///< answers of the store that are not taken in yet
    std::vector<std::pair<StreamId, Sequence>> under_way_;  ///< streams of the transaction that the store has now
    Turn under_way_turn_ = 0;
    std::int64_t collected_us_ = 0;
};

}  // namespace broker
