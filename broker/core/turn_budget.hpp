// TurnBudget: how much long work this turn has done, and may do: what ends, expires or comes in large numbers is spread
// over turns. A step is a microsecond or two. Plain values; broker's thread.
#pragma once
#include <cstddef>

#include "core/types.hpp"

namespace broker {

class TurnBudget {
public:
    explicit TurnBudget(const Config& config) : config_(config) {}

    void begin_turn() { steps_ = 0; }
    void spend(std::size_t steps = 1) { steps_ += steps; }
    /// Work of so many steps more fits into this turn.
    bool may_go_on(std::size_t more = 0) const { return steps_ + more < config_.turn_steps; }
    std::size_t left() const { return may_go_on() ? config_.turn_steps - steps_ : 0; }

private:
    const Config& config_;  // its limit may change while the broker runs
    std::size_t steps_ = 0;
};

}  // namespace broker
