// The life of the broker's process, and what the oracle is shown of each turn.
#include "simulation/daemon.hpp"

#include <algorithm>

#include "simulation/world.hpp"
#include "wire/names.hpp"

namespace sim {

using namespace cast::wire;

namespace {

constexpr std::int64_t kStart = 1'000'000;  // of the broker's clock that nobody sets

/// One that may be another node's already.
int some_port() { return 5000; }
void not_written(const broker::LogLine&) {}

}  // namespace

void Daemon::start() {
    broker::Config config = world_.settings().config;
    config.epoch = ++epoch_;
    config.store_id = 7000 + epoch_;
    config.first_stream = epoch_ * kStreamsOfEpoch;
    const bool in_order = store_.in_order();
    const broker::Recovered recovered = store_.start(config.durable);
    if (config.durable) {
        config.store_id = 7000;
        config.first_stream = recovered.next_stream / kStreamsOfEpoch * kStreamsOfEpoch + kStreamsOfEpoch;
        for (const auto& row : recovered.streams)
            if (row.kind == kBroadcastStream) config.broadcast_stream = row.id;
    }
    const broker::EventLoop::Parts parts{edge_, store_, *this, page_, "simulated", some_port, not_written, this};
    loop_ = std::make_unique<broker::EventLoop>(config, parts);
    if (config.durable) loop_->restore(recovered);
    turn_us_ = world_.now();
    restart_us_ = kNever;
    if (epoch_ > 1)
        config.durable ? world_.oracle().recovered(epoch_, disk(), loop_->router(), in_order)
                       : world_.oracle().new_epoch(epoch_);
    world_.trace("broker starts, epoch %llu", ull(epoch_));
    if (!config.durable) return;
    for (const auto& row : recovered.streams) {
        std::string gone;
        for (const auto& range : row.gone) gone += text(" %llu-%llu", ull(range.from), ull(range.to));
        world_.trace("  stream %llu of '%s', kind %d: %llu..%llu, %llu messages, gone%s", ull(row.id),
                     row.owner.c_str(), row.kind, ull(row.floor), ull(row.last), ull(row.messages), gone.c_str());
    }
}

void Daemon::crash() {
    world_.oracle().lost_broker(loop_->router());
    store_.crash();
    lost();
}

void Daemon::stop(std::int64_t drain_us, std::int64_t restart_after_us) {
    loop_->stop(drain_us);
    restart_after_us_ = restart_after_us;
    turn_us_ = world_.now();
}

void Daemon::lost() {
    loop_.reset();
    world_.network().broker_died(world_.now());
}

broker::Now Daemon::clock() const {
    return {world_.now() + kStart, static_cast<std::uint64_t>(world_.now() + world_.wall_offset()) + 1700000000000000u};
}

std::int64_t Daemon::due() const {
    if (!up()) return restart_us_;
    const std::int64_t frame_us = loop_->listening() ? world_.network().due() : kNever;
    return std::max(std::min({turn_us_, frame_us, store_.due()}), stalled_us_);
}

void Daemon::turn() {
    if (!up()) return start();
    ++turns_;
    world_.oracle().clock(clock());
    store_.go_on();
    const std::int64_t deadline = loop_->turn();
    turn_us_ = deadline == kNever ? kNever : std::max(deadline - kStart, world_.now());
    world_.oracle().browse(loop_->router());
    if (!loop_->stopped()) return;
    world_.trace("the broker has stopped");
    world_.oracle().lost_broker(loop_->router());
    store_.close();
    lost();
    restart_us_ = world_.now() + restart_after_us_;
}

void Daemon::handled(broker::ConnectionId from) { world_.oracle().after(loop_->router(), from); }

void Daemon::calls(const broker::ControlCall& call) { world_.oracle().calls(loop_->router(), call); }

void Daemon::called(const broker::ControlCall& call, const broker::ControlAnswer& answer) {
    world_.oracle().called(loop_->router(), call, answer, disk());
}

void Daemon::ticked(const broker::Outbox& outbox, std::int64_t deadline_us) {
    const broker::Now now = clock();
    // Who was due and found no room stays due when the clock is set back.
    latest_wall_us_ = std::max(latest_wall_us_, now.wall_us);
    for (const broker::Entered& entered : outbox.entered)
        world_.oracle().entered(loop_->router(), entered, latest_wall_us_);
    world_.oracle().check_delays(loop_->router(), outbox.entered.size());
    require(deadline_us > now.mono_us, "the broker's next deadline does not lie ahead");
}

void Daemon::leaves(const broker::Outbox& outbox) {
    broker::Router& router = loop_->router();
    const broker::Stream& events = router.state().directory.group(kEventsGroup)->stream;
    world_.oracle().own_messages(events.id(), events.last());
    for (std::size_t i = 0; i < outbox.sends.size(); ++i) {
        const std::string_view bytes = outbox.sends[i].frame.view();
        if (router.config().max_redeliveries > 0) world_.oracle().handed(bytes);
        world_.oracle().check_priorities(router, bytes);
        if (world_.settings().jumps == 0 && !world_.healed()) world_.oracle().check_fresh(bytes, clock().wall_us);
        world_.oracle().check_announced(router, outbox.sends, i, disk());
        world_.oracle().check_promise(outbox.sends[i].to, bytes, store_.committed());
    }
}

}  // namespace sim
