// Maintenance: what the process does for its memory between turns: freed pages go back to the system, and freed blocks
// of many removed nodes are joined. Broker's thread; the system calls that take long run in a thread of their own.
#pragma once
#include <cstdint>
#include <future>

#include "core/types.hpp"

namespace broker {

class Maintenance {
public:
    /// After each turn. `busy`: it took in frames; `nodes_removed`: ever. Returns when to come again (monotonic).
    std::int64_t after_turn(Now now, bool busy, std::uint64_t nodes_removed);

private:
    void give_memory_back();

    std::uint64_t joined_ = 0;       ///< nodes that were removed when blocks were joined last
    std::int64_t give_back_us_ = 0;  ///< when freed memory goes back to the system; 0: nothing came since it did
    std::future<void> giving_back_;  ///< in a thread of its own, for others only wait for the part that they use
};

}  // namespace broker
