// Broker: the process around the event loop: it waits for what comes, heeds signals, and lets the loop take its turns
// until it has stopped. Main's thread.
#pragma once
#include "config/options.hpp"
#include "core/store.hpp"
#include "edge/zmq_edge.hpp"
#include "server/event_loop.hpp"
#include "server/maintenance.hpp"
#include "server/page_link.hpp"
#include "server/system_clock.hpp"

namespace broker {

/// Limits and times of the options as the core takes them.
Config core_config(const Options& options);
/// What connections may cost: a client as much as its window and one message more need, whatever these are set to.
IntakeLimits intake_limits(const Options& options);

class Broker {
public:
    /// What a readable control descriptor asks for.
    enum class Wish { none, stop, reload };

    Broker(const Options& options, ZmqEdge& edge, Store& store, const Config& config, const PageLink& page,
           const char* version);

    /// What a start found in the store; before run().
    void restore(const Recovered& recovered) { loop_.restore(recovered); }

    /// Turns until told to stop; then drains for at most `drain_time` and says BYE.
    /// `wish_fd` becomes readable when `read_wish` has something to say (signals).
    void run(int wish_fd, Wish (*read_wish)(int fd), bool (*reload)(Options& options));

private:
    bool wait(std::int64_t timeout_us, int wish_fd);
    void heed(Wish wish, bool (*reload)(Options& options));

    Options options_;
    ZmqEdge& edge_;
    Store& store_;
    SystemClock clock_;
    EventLoop loop_;
    Maintenance maintenance_;
};

}  // namespace broker
