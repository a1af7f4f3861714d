// EventLoop: the broker's turn: what has come is taken in, the core and the management calls act on it, the store is
// told and heard, and what came of it is sent. The broker's program, the simulation and the unit tests' scenes drive
// this one loop over edges, stores and clocks of their own. One thread, the broker's. It never waits, and knows no
// signals, sockets or logs: that is broker.cpp.
#pragma once
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/control.hpp"
#include "core/clock.hpp"
#include "core/edge.hpp"
#include "core/router.hpp"
#include "core/store.hpp"
#include "server/loop_watcher.hpp"
#include "server/store_watch.hpp"

namespace broker {

class EventLoop {
public:
    /// What it works with. All of it outlives the loop.
    struct Parts {
        Edge& edge;
        Store& store;
        Clock& clock;
        const PageLink& page;
        std::string version;
        int (*free_port)();           ///< a port for a node that wants one; 0: there is none
        void (*log)(const LogLine&);  ///< takes the lines for the log
        LoopWatcher* watcher = nullptr;
    };

    EventLoop(const Config& config, const Parts& parts);
    ~EventLoop() { edge_.set_topics({}); }  // libzmq may ask while it closes
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// What a start found in the store; before the first turn.
    void restore(const Recovered& recovered);
    /// One turn. Returns when the next one is due (monotonic; 0: at once), if nothing comes before that.
    std::int64_t turn();
    /// Changed limits and times.
    void reconfigure(const Config& config) { router_.reconfigure(config, outbox_); }

    /// The next turns take in what has come, for `drain_us` at most, have it kept, and say BYE.
    void stop(std::int64_t drain_us);
    bool stopping() const { return phase_ != Phase::serving; }
    /// The next turn takes in what comes; else it only looks at the store.
    bool listening() const { return phase_ < Phase::closing; }
    /// There is nothing more to do but to close the store.
    bool stopped() const { return phase_ == Phase::stopped; }

    /// Frames that the last turn took in.
    int frames() const { return frames_; }
    Router& router() { return router_; }
    /// Leaves with the next turn.
    Outbox& outbox() { return outbox_; }

private:
    enum class Phase { serving, draining, keeping, closing, stopped };

    bool take_in(Now now);
    void drop_unreachable(Now now);
    void carry_out(Now now);
    void send_all();
    void hear_store(Now now);
    void tell_store(Now now);
    void tell_edge();
    void weigh_edge(Now now);
    void answer_calls(Now now);
    void answer_late(Now now);
    void hold_answer();
    void go_on_stopping(Now now, bool drained);
    std::int64_t close(Now now);

    Edge& edge_;
    Store& store_;
    Clock& clock_;
    Router router_;
    Control control_;
    StoreWatch watch_;
    void (*const log_)(const LogLine&);
    LoopWatcher* const watcher_;
    Outbox outbox_;
    std::deque<std::pair<Turn, Send>> answers_;  ///< of management calls that are not committed yet
    std::set<ConnectionId> unreachable_;         ///< could not be sent to; what they said before is still to be read
    std::vector<ConnectionId> dropped_;          ///< those of them that the core has given up in this turn
    std::vector<ControlCall> postponed_;         ///< that wait for what the store reads
    std::int64_t deadline_us_ = 0;
    std::int64_t weigh_us_ = 0;  ///< when what the edge holds is counted again
    int frames_ = 0;
    Phase phase_ = Phase::serving;
    std::int64_t until_us_ = 0;  ///< of the phase: what is not done by then is not waited for
};

}  // namespace broker
