// BackpressureBudget: whether a lagging reader may hold its senders' receipts back, and what that costs its budget
// (PROTOCOL.md, "Hold-back"). Pure; broker's thread.
#pragma once
#include <algorithm>

#include "core/directory.hpp"
#include "core/types.hpp"

namespace broker {

/// Charges the time since the last look and says whether the reader, which lags, may hold back from now on.
/// `waiting_since_us`: arrival of the oldest thing that it has not acknowledged.
inline bool may_delay_receipts(BackpressureBudget& backpressure, std::int64_t waiting_since_us, const Config& config,
                               Now now) {
    if (backpressure.charged_us != 0) backpressure.budget_us -= now.mono_us - backpressure.charged_us;
    const std::int64_t progress = std::max(backpressure.advanced_us, waiting_since_us);
    const bool hold = backpressure.budget_us > 0 && now.mono_us - progress < config.progress_us;
    backpressure.charged_us = hold ? now.mono_us : 0;
    return hold;
}

/// The reader no longer lags. `caught_up`: it has acknowledged everything, so its budget is whole again.
inline void stop_delaying(BackpressureBudget& backpressure, bool caught_up, const Config& config, Now now) {
    if (backpressure.charged_us != 0) backpressure.budget_us -= now.mono_us - backpressure.charged_us;
    backpressure.charged_us = 0;
    if (caught_up) backpressure.budget_us = config.backpressure_us;
}

}  // namespace broker
