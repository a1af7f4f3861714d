// The router's other half: time, losses, management, and what leaves at the end of a turn. Pure; broker's thread.
#include <algorithm>
#include <utility>

#include "core/deliver.hpp"
#include "core/router.hpp"
#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using namespace cast::wire;

namespace {

constexpr std::int64_t kSweep = 250 * kMs;
constexpr std::int64_t kReview = 20 * kMs;
constexpr int kExpiriesATurn = 10000;  // a few milliseconds of work
constexpr std::size_t kOwnGroups = 2;  // $events and $tap do not count

}  // namespace

void Router::unreachable(ConnectionId id, Now now, Outbox& outbox) {
    deaf_.erase(id);
    if (Connection* connection = state_.sessions.connection(id)) drop(*connection, true, now, outbox);
}

void Router::drop(Connection& connection, bool tell, Now now, Outbox& outbox) {
    Session& session = *connection.session;
    attachments_.unbind(connection, tell, now, outbox);
    session.connection = nullptr;
    // What it had said before may still be on its way to us, and a BYE ends the session at once.
    parted_.erase(session.parted);
    session.parted = connection.id;
    parted_[connection.id] = session.id;
    state_.sessions.mark_away(session, now.mono_us);
    state_.sessions.remove_connection(connection.id);
}

bool Router::part(ConnectionId from, Now now, Outbox& outbox) {
    const auto at = parted_.find(from);
    Session* session = at == parted_.end() ? nullptr : state_.sessions.session(at->second);
    if (session != nullptr) end_session(*session, now, outbox);
    return session != nullptr;
}

void Router::end_session(Session& session, Now now, Outbox& outbox) {
    parted_.erase(session.parted);
    attachments_.end(session, now, outbox);
    if (session.connection != nullptr) state_.sessions.remove_connection(session.connection->id);
    receipts_.forget(session);
    state_.end(session);
    state_.sessions.remove_session(session.id);
}

std::int64_t Router::tick(Now now, Outbox& outbox, bool drained) {
    std::int64_t next = later_.tick(now, outbox);
    expire(now, outbox);
    if (std::exchange(tell_sick_, false))
        state_.sessions.for_each_connection([&](const Connection& c) {
            if (c.session->through > c.session->committed)
                error(c.id, ErrorCode::store_failed, Verb::cast, "the store cannot take messages: receipts wait", outbox);
        });
    next = std::min({next, sweep(now, outbox, drained), attachments_.tick(now, outbox)});
    next = std::min(next, keeper_.tick(now, outbox));
    next = std::min(next, groups_.tails(now, outbox));
    next = std::min(next, std::max(state_.expiries.next_us(), now.mono_us + 1));
    if (!state_.holding.empty()) {
        const std::vector<StreamId> holding(state_.holding.begin(), state_.holding.end());
        for (StreamId id : holding) {
            const StreamOwner owner = state_.directory.owner(id);
            if (owner.lane != nullptr) mailboxes_.review(*owner.lane, now);
            if (owner.group != nullptr) groups_.review(*owner.group, now);
            if (owner.lane == nullptr && owner.group == nullptr) state_.holding.erase(id);
        }
        next = std::min(next, now.mono_us + kReview);
    }
    return next;
}

void Router::expire(Now now, Outbox& outbox) {
    if (state_.expiries.many()) sweep_expiries();
    for (int i = 0; i < kExpiriesATurn && state_.expiries.next_us() <= now.mono_us; ++i) {
        const Expiry due = state_.expiries.pop();
        const StreamOwner owner = state_.directory.owner(due.stream);
        if (owner.lane != nullptr) mailboxes_.expire(*owner.lane, due, now, outbox);
        if (owner.group != nullptr) groups_.expire(*owner.group, due.first, now);
    }
}

void Router::sweep_expiries() {
    StreamId id = 0;
    StreamOwner owner;
    state_.expiries.sweep([&](const Expiry& expiry) {
        if (expiry.stream != id) owner = state_.directory.owner(id = expiry.stream);  // mostly many of one stream
        if (owner.lane != nullptr) return std::max(expiry.first, expiry.last) >= owner.lane->stream.first_kept();
        // What a group has in the store alone goes by its retention.
        return owner.group != nullptr && owner.group->stream.batches() > 0 && expiry.first >= owner.group->stream.front().first;
    });
}

std::int64_t Router::sweep(Now now, Outbox& outbox, bool drained) {
    if (now.mono_us < next_sweep_us_) return next_sweep_us_;
    const bool second = now.mono_us / kSecond != (next_sweep_us_ - kSweep) / kSecond;
    next_sweep_us_ = now.mono_us + kSweep;
    std::vector<Connection*> dead;
    state_.sessions.for_each_connection([&](Connection& c) {
        const std::int64_t silent = now.mono_us - c.heard_us;
        if (drained && silent >= state_.config.dead_us && c.pinged_us > c.heard_us && now.mono_us - c.pinged_us >= kSecond) {
            dead.push_back(&c);
        } else if (silent >= state_.config.ping_us && now.mono_us - c.pinged_us >= state_.config.ping_us) {
            c.pinged_us = now.mono_us;
            outbox.send(c.id, encode_ping(Verb::ping, Ping{static_cast<std::uint64_t>(now.mono_us)}));
        }
    });
    for (Connection* c : dead) drop(*c, true, now, outbox);
    auto& away = state_.sessions.away();
    while (!away.empty()) {
        Session* session = state_.sessions.session(away.front());
        const bool many = state_.sessions.sessions() > state_.config.max_sessions;
        if (!many && now.mono_us - session->away_since_us < state_.config.session_us) break;
        if (now.mono_us - session->away_since_us < state_.config.session_us) state_.forgetful_epoch = state_.config.epoch;
        end_session(*session, now, outbox);
    }
    if (state_.forgetful_epoch != state_.config.epoch && now.mono_us - state_.restored_us >= state_.config.session_us)
        state_.forgetful_epoch = 0;  // whoever was dropped early would have been dropped by now
    if (second) {
        state_.statistics.sample(now.mono_us);
        groups_.sweep(now);
    }
    return next_sweep_us_;
}

std::int64_t Router::flush(Now now, Outbox& outbox) {
    // pump() may end on a node that a later one's ACK dirties again; lists are taken before they are walked.
    std::vector<Node*> nodes;
    nodes.swap(state_.dirty_nodes);
    for (Node* node : nodes) mailboxes_.pump(*node, now, outbox);
    std::vector<Group*> groups;
    groups.swap(state_.dirty_groups);
    for (Group* group : groups) groups_.publish(*group, now, outbox);
    std::vector<ConnectionId> connections;
    connections.swap(state_.dirty_connections);
    for (ConnectionId id : connections)
        if (Connection* connection = state_.sessions.connection(id)) flush_deliveries(state_, receipts_, *connection, outbox);
    const std::int64_t due = receipts_.flush(now, outbox);
    state_.deciding = state_.turn + 1;
    return due;
}

Group* Router::create_group(std::string_view name, ErrorCode& code, Now now, Outbox& outbox) {
    code = ErrorCode::ok;
    Group* group = state_.directory.group(name);
    if (group == nullptr) {
        if (!valid_name(name)) code = reserved_name(name) ? ErrorCode::forbidden : ErrorCode::invalid_name;
        else if (state_.directory.groups() >= state_.config.max_groups + kOwnGroups) code = ErrorCode::too_many;
        if (code != ErrorCode::ok) return nullptr;
        group = &state_.directory.add_group(name);
        group->stream.kept = state_.config.durable && !reserved_name(name);
        state_.touch(group->stream);
        if (state_.watched()) outbox.events.push_back({"created", {}, group->name, now.wall_us});
    }
    return group;
}

ErrorCode Router::delete_group(std::string_view name, Now now, Outbox& outbox) {
    if (reserved_name(name)) return ErrorCode::forbidden;
    Group* group = state_.directory.group(name);
    if (group == nullptr) return ErrorCode::no_such_group;
    groups_.remove(*group, now, outbox);
    return ErrorCode::ok;
}

ErrorCode Router::join(std::string_view name, std::string_view group_name, Now now, Outbox& outbox) {
    Node* node = state_.directory.node(name);
    if (node == nullptr) return ErrorCode::no_such_node;
    if (node->hidden != reserved_name(group_name)) return ErrorCode::forbidden;
    ErrorCode code = ErrorCode::ok;
    Group* group = create_group(group_name, code, now, outbox);
    if (group != nullptr) groups_.join(*node, *group, now, outbox);
    return code;
}

ErrorCode Router::leave(std::string_view name, std::string_view group_name, Now now, Outbox& outbox) {
    Node* node = state_.directory.node(name);
    if (node == nullptr) return ErrorCode::no_such_node;
    Group* group = state_.directory.group(group_name);
    if (group == nullptr) return ErrorCode::no_such_group;
    groups_.leave(*node, *group, now, outbox);
    if (!group->created && group->member_count == 0) groups_.remove(*group, now, outbox);
    return ErrorCode::ok;
}

void Router::publish_reports(std::string_view group, std::string&& frame, Now now) {
    Slice slice = Slice::take(std::move(frame));
    const auto batch = read_batch(slice.view().substr(kFrameHeader));
    if (batch) groups_.append(*state_.directory.group(group), nullptr, batch->header, slice, now);
}

void Router::reconfigure(const Config& config) {
    Config next = config;
    next.epoch = state_.config.epoch;
    next.store_id = state_.config.store_id;
    next.first_stream = state_.config.first_stream;
    next.broadcast_stream = state_.config.broadcast_stream;
    next.durable = state_.config.durable;
    if (next.session_us > state_.config.session_us) state_.forgetful_epoch = next.epoch;  // Keeper::restore says why
    state_.config = next;
}

void Router::goodbye(Outbox& outbox) {
    state_.sessions.for_each_connection([&](Connection& c) {
        outbox.send(c.id, encode_bye());
        // What was handed out is known exactly: the next broker is to know it, too.
        for (const auto& [id, subscription] : c.subscriptions)
            if (const Group* group = state_.directory.owner(id).group; group != nullptr)
                for (Node* node : subscription->nodes) state_.touch(*node, *node->membership(*group));
    });
}

}  // namespace broker
