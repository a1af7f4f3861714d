// Broker: the turn. One thread owns the core and the sockets: it waits, drains the edge, lets the core handle each
// frame and its timers, has the store commit the turn, and sends what came of it.
#pragma once
#include <cstdint>
#include <deque>
#include <future>
#include <set>
#include <utility>

#include "control.hpp"
#include "core/router.hpp"
#include "core/store.hpp"
#include "edge/edge.hpp"
#include "options.hpp"
#include "page_link.hpp"
#include "store_watch.hpp"

namespace broker {

/// Limits and times of the options as the core takes them.
Config core_config(const Options& options);
/// What connections may cost: a client as much as its window and one message more need, whatever these are set to.
IntakeLimits intake_limits(const Options& options);

class Broker {
public:
    /// What a readable control descriptor asks for.
    enum class Wish { none, stop, reload };

    /// `wish_fd` becomes readable when `read_wish` has something to say (signals).
    Broker(const Options& options, Edge& edge, Store& store, const Config& config, const PageLink& page,
           const char* version);

    ~Broker() { edge_.set_topics({}); }  // libzmq may ask while it closes
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;

    /// What a start found in the store; before run().
    void restore(const Recovered& recovered);

    /// Turns until told to stop; then drains for at most `drain_time` and says BYE.
    void run(int wish_fd, Wish (*read_wish)(int fd), bool (*reload)(Options& options));

    static Now now();

private:
    /// One turn: at most so many frames. Returns whether the edge is drained.
    bool turn(Now now);
    void tell_edge();
    void weigh_edge(Now at);
    EdgeCounts count_edge() const;
    void answer_calls(Now now);
    void hold_answer();
    /// What the store has done since, in.
    void hear_store(Now now);
    /// What the store has to do, out.
    void tell_store(Now now);
    void await_store(std::int64_t until_us);
    void carry_out(Now now);
    void give_memory_back(Now now);
    void stop(Now now);

    Options options_;
    Edge& edge_;
    Store& store_;
    Router router_;
    Control control_;
    Outbox outbox_;
    std::deque<std::pair<Turn, Send>> answers_;  ///< of management calls that are not committed yet
    std::set<ConnectionId> unreachable_;         ///< could not be sent to; what they said before is still to be read
    std::vector<ControlCall> postponed_;         ///< that wait for what the store reads
    StoreWatch watch_;
    std::int64_t deadline_us_ = 0;
    std::int64_t weigh_us_ = 0;      ///< when what the edge holds is counted again
    std::uint64_t removed_ = 0;      ///< nodes, whose memory is joined
    std::int64_t give_back_us_ = 0;  ///< when freed memory goes back to the system; 0: nothing came since it did
    std::future<void> giving_back_;  ///< in a thread of its own, for others only wait for the part that they use
};

}  // namespace broker
