// Recovery: builds the state anew from what a store holds, once at the start. Mail stays in the store until somebody
// reads it. Pure; broker's thread.
#pragma once
#include <vector>

#include "core/dead_letters.hpp"
#include "core/mailbox/reaper.hpp"
#include "core/scheduled.hpp"
#include "core/state.hpp"

namespace broker {

class Recovery {
public:
    Recovery(State& state, Reaper& reaper, DeadLetters& dead, Scheduled& scheduled)
        : state_(state), reaper_(reaper), dead_(dead), scheduled_(scheduled) {}

    void restore(const Recovered& recovered, Now now, Outbox& outbox);

private:
    void restore_nodes(const Recovered& recovered, Now now);
    void restore_streams(const Recovered& recovered, Now now, Outbox& outbox);
    void restore_lane(const StreamRow& row, bool clean, Now now, Outbox& outbox);
    void fill(Lane& lane, const StreamRow& row, bool clean, Now now);
    void restore_group(const StreamRow& row, bool clean, std::vector<PagedRange> paged_out);
    void restore_members(const Recovered& recovered);
    void restore_sessions(const Recovered& recovered, Now now);
    void restore_expiry_queue(const Recovered& recovered, Now now);

    State& state_;
    Reaper& reaper_;
    DeadLetters& dead_;
    Scheduled& scheduled_;
};

}  // namespace broker
