// The end of a run: faults stop, everything must come to rest, and the sums must be right.
#include <algorithm>

#include "simulation/world.hpp"

namespace sim {

using cast::detail::OutgoingRecord;
using namespace cast::wire;

namespace {

constexpr std::int64_t kLongest = 60 * kSecond;
constexpr std::int64_t kQuiet = 5 * kSecond;
constexpr std::uint64_t kQuietTurns = 400;  // timers and PINGs of 5 s

}  // namespace

void World::quiesce() {
    step_ = -1;
    trace("faults end");
    healed_ = true;
    network_.heal();
    if (!daemon_.up()) daemon_.restart_at(now_us_);
    daemon_.store_sick(false);
    daemon_.stall(0);
    if (stranger_ != nullptr) {
        stranger_->closed = true;
        stranger_->broker_sees_us = 0;
    }
    settings_.config.reject_full = false;
    if (daemon_.up()) daemon_.reconfigure(settings_.config);
    if (some_client() == nullptr) add_client();
    for (const auto& client : clients_)
        if (client->alive()) client->hurry();
    const std::int64_t until = now_us_ + kLongest;
    advance(100 * kMs);
    bool sent = false;
    for (;;) {
        read_everything();
        pass_time();
        advance(200 * kMs);
        if (daemon_.up()) check_state(*daemon_.router());
        const std::string why = unrest();
        if (why.empty() && sent) break;
        if (why.empty()) {
            send_last();
            sent = true;
        }
        require(now_us_ < until, [&] { return "not at rest after a minute: " + why; });
    }
    for (const auto& client : clients_)
        if (client->alive()) oracle_.check_outcomes(client->index(), client->session()->outbound().added());
    check_quiet();
    oracle_.check_dead(*daemon_.router());
}

/// The clock goes on to where everything that waits is due. A broker that restarts may not have read it back yet.
void World::pass_time() {
    if (!daemon_.up()) return;
    wall_offset_us_ +=
        std::max<std::int64_t>(0, static_cast<std::int64_t>(oracle_.last_due_us() -
                                                            std::min(oracle_.last_due_us(), daemon_.clock().wall_us))) +
        1;
}

/// To every node and group: a target that stayed blocked shows now.
void World::send_last() {
    for (const auto& client : clients_) {
        if (!client->alive()) continue;
        const std::string sender = "s" + std::to_string(client->index());
        auto send = [&](Cast cast, std::string_view target) {
            OutgoingRecord p;
            p.cast = cast;
            p.sender = sender;
            p.target = target;
            p.type = "text";
            p.deadline_us = now_us_ + 30 * kSecond;
            p.token = 1;
            if (cast == Cast::unicast) p.flags = kWantsDelivered;
            require(client->send(p, 20), "no room to send when all is at rest");
            oracle_.expect_last();
        };
        daemon_.router()->state().directory.for_each_node([&](broker::Node& node) { send(Cast::unicast, node.name); });
        daemon_.router()->state().directory.for_each_group([&](broker::Group& group) {
            if (group.name[0] != '$') send(Cast::multicast, group.name);
        });
        send(Cast::broadcast, {});
    }
}

/// Whatever node exists gets a reader.
void World::read_everything() {
    if (!daemon_.up()) return;
    std::vector<std::string> unread;
    daemon_.router()->state().directory.for_each_node([&](broker::Node& node) {
        if (!node.created) return;
        for (const auto& client : clients_)
            if (client->alive() && client->receives(node.name)) return;
        unread.push_back(node.name);
    });
    for (const std::string& name : unread) {
        Client* client = some_client();
        client->detach(name);
        client->attach(name, true, false);
    }
}

std::string World::broker_unrest() {
    std::string why;
    broker::State& state = daemon_.router()->state();
    state.directory.for_each_node([&](broker::Node& node) {
        const Wire* wire = node.connection == nullptr ? nullptr : network_.find(node.connection->id);
        if (wire == nullptr || wire->dead_up || wire->closed) why = "nobody reads " + node.name;
        for (const auto& lane : node.lanes)
            if (lane->cursor != lane->stream.last() || !lane->stream.empty()) why = "mail lies at " + node.name;
    });
    auto browse = [&](broker::Group& group) {
        for (const auto& s : group.subscriptions)
            if (s->lowest != group.stream.last()) why = "a reader of the group '" + group.name + "' is behind";
        if (!group.stream.empty()) why = "the group '" + group.name + "' keeps messages";
    };
    state.directory.for_each_group(browse);
    browse(state.directory.broadcast());
    if (!state.orphaned_lanes.empty()) why = "mail of a node that is gone was not read to its end";
    if (daemon_.router()->scheduled().messages() > 0) why = "messages wait whose time has come";
    if (!state.holding.empty()) why = "receipts are held back";
    return why;
}

/// Where everybody stands, for who replays a failure.
void World::describe() {
    if (!daemon_.up()) return trace("the broker is down");
    broker::State& state = daemon_.router()->state();
    state.directory.for_each_node([&](broker::Node& node) {
        trace("node %s: wire %llu, %zu queued", node.name.c_str(),
              ull((node.connection == nullptr ? 0 : node.connection->id)), node.queued.messages());
        for (const auto& lane : node.lanes)
            trace("  lane %llu: cursor %llu, sent %llu, last %llu, %zu batches", ull(lane->stream.id()),
                  ull(lane->cursor), ull(lane->sent), ull(lane->stream.last()), lane->stream.batches());
        for (const broker::Membership& m : node.memberships)
            trace("  reads %llu: cursor %llu%s", ull(m.group->stream.id()), ull(m.cursor), m.own ? ", own" : "");
    });
    auto group = [&](broker::Group& g) {
        trace("group '%s', stream %llu: last %llu, first kept %llu, %zu absent from %llu", g.name.c_str(),
              ull(g.stream.id()), ull(g.stream.last()), ull(g.stream.first_kept()), g.absent.size(),
              ull(g.absent.empty() ? 0 : g.absent.lowest()));
        for (const auto& s : g.subscriptions)
            trace("  wire %llu: acked %llu, lowest %llu, %zu of %zu own", ull(s->connection->id), ull(s->acked),
                  ull(s->lowest), s->own.size(), s->nodes.size());
    };
    group(state.directory.broadcast());
    state.directory.for_each_group(group);
    for (const auto& client : clients_)
        if (client->alive()) client->describe();
}

std::string World::unrest() {
    if (!daemon_.up()) return "the broker is down";
    for (const auto& client : clients_) {
        std::string why = client->alive() ? client->unrest() : "";
        if (!why.empty()) return why;
    }
    const std::string why = operator_.unrest();
    return why.empty() ? broker_unrest() : why;
}

void World::check_quiet() {
    // What was read before it ran out is looked at when its time comes: one a turn, where turns are small.
    const std::uint64_t before = daemon_.turns(), most = kQuietTurns + daemon_.router()->state().expiry_queue.size();
    advance(kQuiet);
    const std::uint64_t turns = daemon_.turns() - before;
    require(turns < most, [&] { return text("%llu turns in 5 s in which nothing happens", ull(turns)); });
    const std::string why = unrest();
    require(why.empty(), [&] { return "rest did not last: " + why; });
    check_state(*daemon_.router());
}

}  // namespace sim
