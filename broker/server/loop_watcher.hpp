// LoopWatcher: sees what an EventLoop does within a turn. For tests that check the core against the contract while it
// works; the broker's program has none. Broker's thread.
#pragma once
#include <cstdint>

#include "control/control.hpp"
#include "core/outbox.hpp"

namespace broker {

class LoopWatcher {
public:
    virtual ~LoopWatcher() = default;
    /// The frame that the edge gave out last was handled, and so were the management calls in it.
    virtual void handled(ConnectionId from) { (void)from; }
    /// A management call is about to be carried out, and was.
    virtual void calls(const ControlCall& call) { (void)call; }
    virtual void called(const ControlCall& call, const ControlAnswer& answer) { (void)call, (void)answer; }
    /// The timers have run; the core wants its next turn at `deadline_us`.
    virtual void ticked(const Outbox& outbox, std::int64_t deadline_us) { (void)outbox, (void)deadline_us; }
    /// All of this is about to leave.
    virtual void leaves(const Outbox& outbox) { (void)outbox; }
};

}  // namespace broker
