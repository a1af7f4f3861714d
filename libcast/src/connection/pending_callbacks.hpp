// PendingCallbacks: what the program's callbacks are to be told and were not told yet. Collected under the link's lock,
// told by the link's own thread without it.
#pragma once
#include <cast/options.hpp>
#include <deque>

#include "src/session/outbox.hpp"

namespace cast::detail {

struct PendingCallbacks {
    std::deque<Refusal> refusals;
    std::deque<Notice> notices;
    std::deque<Outcome> outcomes;

    bool any() const { return !refusals.empty() || !notices.empty() || !outcomes.empty(); }
    /// Empties the outbox of what callbacks are told, if there are such. Whether there is anything to tell.
    bool take(ClientOutbox& out, const Options& options) {
        if (out.refusals.empty() && out.notices.empty()) return !outcomes.empty();
        if (options.on_refused) refusals.insert(refusals.end(), out.refusals.begin(), out.refusals.end());
        if (options.on_notice) notices.insert(notices.end(), out.notices.begin(), out.notices.end());
        out.refusals.clear();
        out.notices.clear();
        return any();
    }
    void tell(const Options& options) const {
        for (const Refusal& r : refusals) options.on_refused(r);
        for (const Outcome& o : outcomes) options.on_outcome(o);
        for (const Notice& n : notices) options.on_notice(n);
    }
};

}  // namespace cast::detail
