// Daemon: the broker's process in virtual time: the real EventLoop over the simulated edge, store and clock. It
// crashes, ends in order, stands still, and starts again with what the store has.
#pragma once
#include <cstdint>
#include <memory>

#include "server/event_loop.hpp"
#include "server/page_link.hpp"
#include "simulation/edge.hpp"
#include "simulation/random.hpp"
#include "simulation/store.hpp"

namespace sim {

class World;

class Daemon : broker::Clock, broker::LoopWatcher {
public:
    Daemon(World& world, Random& random) : world_(world), store_(world, random), edge_(world) {}

    void start();
    void crash();
    /// It is told to stop: the next turns do. It starts again so long after that.
    void stop(std::int64_t drain_us, std::int64_t restart_after_us);
    bool up() const { return loop_ != nullptr; }
    broker::Router* router() { return loop_ == nullptr ? nullptr : &loop_->router(); }

    /// When it wants its next turn.
    std::int64_t due() const;
    void turn();
    /// It stands still until then.
    void stall(std::int64_t until_us) { stalled_us_ = until_us; }
    void restart_at(std::int64_t at_us) { restart_us_ = at_us; }
    void store_sick(bool sick) { store_.set_sick(sick); }
    void reconfigure(const broker::Config& config) {
        loop_->reconfigure(config);
        turn_us_ = 0;
    }

    const cast::test::MemoryDisk& disk() const { return store_.disk(); }
    const SimEdge& edge() const { return edge_; }
    std::uint64_t turns() const { return turns_; }
    broker::Now clock() const;

private:
    broker::Now read() override { return clock(); }
    void handled(broker::ConnectionId from) override;
    void calls(const broker::ControlCall& call) override;
    void called(const broker::ControlCall& call, const broker::ControlAnswer& answer) override;
    void ticked(const broker::Outbox& outbox, std::int64_t deadline_us) override;
    void leaves(const broker::Outbox& outbox) override;
    void lost();

    World& world_;
    SimStore store_;
    SimEdge edge_;
    broker::PageLink page_;
    std::unique_ptr<broker::EventLoop> loop_;
    std::uint64_t epoch_ = 0;
    std::int64_t turn_us_ = 0;
    std::int64_t stalled_us_ = 0;
    std::int64_t restart_us_ = broker::kNever;
    std::int64_t restart_after_us_ = 0;
    std::uint64_t turns_ = 0;
    std::uint64_t latest_wall_us_ = 0;
};

}  // namespace sim
