// Persister: makes transactions of what changed, and lets streams go on once the store has one. Pure; broker's thread.
// It does not read the store: PageLoads and Recovery do.
//
// A transaction covers everything up to the present turn and is made when the store is idle: so many turns share one,
// and what was acknowledged before it is never written.
#pragma once
#include <utility>
#include <vector>

#include "core/persistence/stream_registry.hpp"
#include "core/state.hpp"

namespace broker {

class Persister {
public:
    Persister(State& state, const StreamRegistry& streams, DeadLetters& dead)
        : state_(state), streams_(streams), dead_(dead) {}

    /// Is it time for a transaction? Cursors and the like wait a while when nothing else is to be written; then
    /// `due_us` is brought forward to when they are.
    bool wants(Now now, std::int64_t& due_us) const;
    void collect(Transaction& transaction, Now now);
    /// The transactions up to this turn are in the store.
    void committed(Turn turn);

private:
    void collect_streams(Transaction& transaction);
    void collect_nodes(Transaction& transaction);
    void collect_sessions(Transaction& transaction);

    State& state_;
    const StreamRegistry& streams_;
    DeadLetters& dead_;
    std::vector<std::pair<StreamId, Sequence>> under_way_;  ///< streams of the transaction that the store has now
    Turn under_way_turn_ = 0;
    std::int64_t collected_us_ = 0;
};

}  // namespace broker
