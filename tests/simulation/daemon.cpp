// The turn, with a store that keeps its promises late.
#include "simulation/daemon.hpp"

#include <algorithm>

#include "simulation/world.hpp"
#include "wire/messages.hpp"

namespace sim {

using namespace cast::wire;

void Daemon::start() {
    broker::Config config = world_.settings().config;
    config.epoch = ++epoch_;
    config.store_id = 7000 + epoch_;
    config.first_stream = epoch_ * kStreamsOfEpoch;
    const broker::Recovered recovered = disk_.recover(ended_in_order_);
    if (config.durable) {
        config.store_id = 7000;
        config.first_stream = recovered.next_stream / kStreamsOfEpoch * kStreamsOfEpoch + kStreamsOfEpoch;
        for (const auto& row : recovered.streams)
            if (row.kind == kBroadcastStream) config.broadcast_stream = row.id;
    }
    router_ = std::make_unique<broker::Router>(config);
    if (config.durable) router_->restore(recovered, clock(), outbox_);
    router_->announce({"inproc://publish"}, "simulated");
    turn_us_ = world_.now();
    restart_us_ = kNever;
    sick_ = false;
    commits_.clear();
    if (epoch_ > 1)
        config.durable ? world_.oracle().recovered(epoch_, disk_, *router_, ended_in_order_)
                       : world_.oracle().new_epoch(epoch_);
    ended_in_order_ = false;
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
    world_.oracle().lost_broker(*router_);
    // The last transaction is kept whole or not at all, and nobody has heard which.
    if (under_way_ && random_.one_in(2)) disk_.apply(*under_way_);
    lost();
}

/// As Broker::stop and DiskStore::close do it.
void Daemon::stop() {
    router_->state().unsaved.urgent = true;
    turn();
    for (int rounds = 0; under_way_ && !sick_ && rounds < 10; ++rounds) {
        finish_commit();
        turn();
    }
    router_->goodbye(outbox_);
    carry_out(clock());
    ended_in_order_ = router_->config().durable && !sick_;
    world_.oracle().lost_broker(*router_);
    if (under_way_ && (ended_in_order_ || random_.one_in(2))) finish_commit();
    if (ended_in_order_) {  // once more, for where everybody stands now
        router_->committed(committed_);
        router_->state().unsaved.urgent = true;
        router_->collect(under_way_.emplace(), clock());
        disk_.apply(*under_way_);
    }
    lost();
}

void Daemon::lost() {
    under_way_.reset();
    commit_us_ = kNever;
    committed_ = 0;
    loads_.clear();
    router_.reset();
    outbox_.clear();
    unreachable_.clear();
    world_.network().broker_died(world_.now());
}

broker::Now Daemon::clock() const {
    return {world_.now() + 1000000,
            static_cast<std::uint64_t>(world_.now() + world_.wall_offset()) + 1700000000000000u};
}

std::int64_t Daemon::due() const {
    if (!up()) return restart_us_;
    std::int64_t due = std::min(turn_us_, world_.network().due());
    if (!commits_.empty()) due = std::min(due, commits_.front().second);
    if (!sick_) due = std::min(due, commit_us_);
    if (!loads_.empty()) due = std::min(due, loads_.front().due_us);
    return std::max(due, stalled_us_);
}

void Daemon::turn() {
    if (!up()) return start();
    ++turns_;
    const broker::Now now = clock();
    world_.oracle().clock(now);
    router_->store_health(!sick_);
    if (router_->config().durable) hear_store(now);
    for (const broker::ConnectionId id : unreachable_) router_->unreachable(id, now, outbox_);
    unreachable_.clear();
    world_.network().arrivals(world_.now(), [&](broker::ConnectionId from, std::string&& bytes) {
        digest(bytes);
        world_.trace_frame(true, from, bytes);
        world_.oracle().before(*router_, from, bytes);
        if (router_->config().max_redeliveries > 0) world_.oracle().came_back(bytes);
        router_->handle(from, Slice::take(std::move(bytes)), now, outbox_);
        world_.oracle().after(*router_, from);
    });
    const std::int64_t deadline = router_->tick(now, outbox_, true);
    latest_wall_us_ =
        std::max(latest_wall_us_, now.wall_us);  // who was due and found no room stays due when the clock is set back
    for (const broker::Entered& entered : outbox_.entered) world_.oracle().entered(*router_, entered, latest_wall_us_);
    world_.oracle().check_delays(*router_, outbox_.entered.size());
    outbox_.entered.clear();
    require(deadline > now.mono_us, "the broker's next deadline does not lie ahead");
    turn_us_ = deadline == kNever ? kNever : deadline - 1000000;
    carry_out(now);
    world_.oracle().look(*router_);
}

void Daemon::hear_store(broker::Now now) {
    if (under_way_ && commit_us_ <= world_.now() && !sick_) finish_commit();
    router_->committed(committed_);
    while (!loads_.empty() && loads_.front().due_us <= world_.now()) {
        Reading& reading = loads_.front();
        broker::Loaded loaded = reading.loaded ? std::move(*reading.loaded) : disk_.read(reading.load);
        if (sick_ && random_.one_in(2)) loaded.failed = true;
        loads_.pop_front();
        world_.trace("loaded stream %llu from %llu through %llu, %zu batches%s", ull(loaded.stream), ull(loaded.from),
                     ull(loaded.through), loaded.frames.size(), loaded.failed ? ", failed" : "");
        router_->loaded(std::move(loaded), now, outbox_);
    }
}

void Daemon::finish_commit() {
    disk_.apply(*under_way_);
    committed_ = under_way_->turn;
    under_way_.reset();
    commit_us_ = kNever;
    turn_us_ = world_.now();  // the store says so
}

void Daemon::tell_store(broker::Now now) {
    std::int64_t due = kNever;
    // It may be through since the turn began.
    if (under_way_ && !sick_ && commit_us_ <= world_.now() + 1000 && random_.one_in(3)) finish_commit();
    if (!under_way_) router_->committed(committed_);
    if (!under_way_ && router_->wants_transaction(now, due)) {
        router_->collect(under_way_.emplace(), now);
        commit_us_ = world_.now() + commit_time();
    }
    if (due != kNever) turn_us_ = std::min(turn_us_, due - 1000000);
}

std::int64_t Daemon::commit_time() {
    if (!world_.settings().late_commits || world_.healed()) return random_.between(50, 1000);
    return random_.between(50, random_.one_in(30) ? 300 * kMs : 4 * kMs);
}

void Daemon::commit(broker::Now now) {
    const broker::Turn turn = router_->close_turn();
    if (router_->config().durable) {
        const std::int64_t next = router_->flush(now, outbox_);
        require(next > now.mono_us, "the next receipt is due in the past");
        if (next != kNever) turn_us_ = std::min(turn_us_, next - 1000000);
        return;
    }
    const std::int64_t late = world_.settings().late_commits && !world_.healed()
                                  ? random_.between(0, random_.one_in(30) ? 300 * kMs : 4 * kMs)
                                  : 0;
    const std::int64_t before = commits_.empty() ? 0 : commits_.back().second;
    commits_.emplace_back(turn, std::max(before, world_.now() + late));
    while (!commits_.empty() && commits_.front().second <= world_.now()) {
        router_->committed(commits_.front().first);
        commits_.pop_front();
    }
    const std::int64_t deadline = router_->flush(now, outbox_);
    require(deadline > now.mono_us, "the next receipt is due in the past");
    if (deadline != kNever) turn_us_ = std::min(turn_us_, deadline - 1000000);
}

void Daemon::carry_out(broker::Now now) {
    for (std::size_t i = 0; i < outbox_.controls.size(); ++i) control(broker::ControlCall(outbox_.controls[i]));
    if (!outbox_.events.empty()) publish_events(now);
    commit(now);
    for (const broker::Send& send : outbox_.sends) {
        digest(send.frame.view());
        note_grants(send);
        note_receipt(send);
        if (router_->config().max_redeliveries > 0) world_.oracle().handed(send.frame.view());
        world_.oracle().check_priorities(*router_, send.frame.view());
        if (world_.settings().jumps == 0 && !world_.healed())
            world_.oracle().check_fresh(send.frame.view(), now.wall_us);
        world_.oracle().check_told(*router_, outbox_.sends, static_cast<std::size_t>(&send - outbox_.sends.data()),
                                   disk_);
        world_.trace_frame(false, send.to, send.frame.view());
        if (!world_.network().send_down(send.to, send.frame.view(), world_.now())) unreachable_.push_back(send.to);
    }
    for (const broker::Publish& publish : outbox_.publishes) {
        digest(publish.frame.view());
        world_.publish(publish.topic, publish.frame.view());
    }
    for (const broker::Load& load : outbox_.loads) {
        const std::int64_t before = loads_.empty() ? 0 : loads_.back().due_us;
        const bool at_once = (++loads_begun_ * 0x9E3779B97F4A7C15u >> 63) != 0;  // no draw: seeds keep their stories
        world_.trace("load of stream %llu from %llu%s", ull(load.stream), ull(load.from),
                     at_once ? ", read at once" : "");
        loads_.push_back({load, std::max(before, world_.now() + random_.between(20, 2 * kMs)), {}});
        if (at_once) loads_.back().loaded = disk_.read(load);
    }
    outbox_.clear();
    if (router_->config().durable) tell_store(now);
    if (!unreachable_.empty()) turn_us_ = world_.now() + 10;
}

void Daemon::publish_events(broker::Now now) {
    std::string frame;
    begin_frame(frame, Verb::deliver);
    BatchHeader header;
    header.cast = Cast::multicast;
    header.target = kEventsGroup;
    header.sender = kBrokerName;
    begin_batch(frame, header);
    for (const broker::PresenceEvent& event : outbox_.events) append_record(frame, "json", {}, event.kind);
    seal_batch(frame, kFrameHeader, 0, static_cast<std::uint32_t>(outbox_.events.size()), 0);
    world_.oracle().own_messages(router_->state().directory.group(kEventsGroup)->stream.id(), outbox_.events.size());
    router_->publish_reports(kEventsGroup, std::move(frame), now);
}

void Daemon::control(const broker::ControlCall& call) {
    // The only calls that clients make by themselves: {"op":"group.join","group":"G","nodes":["N"]}.
    auto word = [&](const std::string& key) {
        const std::size_t at = call.json.find("\"" + key + "\":");
        if (at == std::string::npos) return std::string();
        const std::size_t begin = call.json.find_first_not_of(":[\"", at + key.size() + 2);
        return begin == std::string::npos ? std::string() : call.json.substr(begin, call.json.find('"', begin) - begin);
    };
    const bool join_call = word("op") == "group.join";
    if (join_call) join(word("nodes"), word("group"));
    const auto code = join_call ? cast::ErrorCode::ok : cast::ErrorCode::malformed;
    outbox_.send(call.from, encode(ControlReply{call.request, code, "{}"}));
}

bool Daemon::join(std::string_view node, std::string_view group) {
    turn_us_ = 0;
    return router_->join(node, group, clock(), outbox_) == cast::ErrorCode::ok;
}

bool Daemon::leave(std::string_view name, std::string_view group_name) {
    turn_us_ = 0;
    const broker::Node* node = router_->state().directory.node(name);
    const broker::Group* group = router_->state().directory.group(group_name);
    if (node != nullptr && group != nullptr) world_.oracle().left(node->id, group->stream.id());
    return router_->leave(name, group_name, clock(), outbox_) == cast::ErrorCode::ok;
}

void Daemon::note_grants(const broker::Send& send) {
    Frame frame;
    Attached m;
    if (read_frame(send.frame.view(), frame) != cast::ErrorCode::ok || frame.verb != Verb::attached ||
        !decode(frame.body, m))
        return;
    for (const AttachedNode& node : m.nodes)
        grants_[{send.to, m.request, std::string(node.name)}] = world_.oracle().next_event();
}

void Daemon::note_receipt(const broker::Send& send) {
    Frame frame;
    const broker::Connection* connection = router_->state().sessions.connection(send.to);
    if (connection == nullptr || !router_->config().durable ||
        read_frame(send.frame.view(), frame) != cast::ErrorCode::ok)
        return;
    Receipt receipt;
    if (frame.verb == Verb::deliver && (frame.flags & kHasAux) != 0)
        world_.oracle().receipted(connection->session->id, frame.aux);
    if (frame.verb == Verb::receipt && decode(frame.body, receipt))
        world_.oracle().receipted(connection->session->id, receipt.through);
}

std::uint64_t Daemon::granted(broker::ConnectionId wire, std::uint32_t request, const std::string& node) const {
    const auto at = grants_.find({wire, request, node});
    return at == grants_.end() ? 0 : at->second;
}

void Daemon::digest(std::string_view bytes) {
    auto add = [this](std::uint64_t word) {
        digest_ = (digest_ ^ word) * 0x9E3779B97F4A7C15u;
        digest_ ^= digest_ >> 32;
    };
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) add(load<std::uint64_t>(bytes.data()));
    for (const char c : bytes) add(static_cast<std::uint8_t>(c));
}

}  // namespace sim
