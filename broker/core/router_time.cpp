// The router's other half: time, losses, management, and what leaves at the end of a turn. Pure; broker's thread.
#include <algorithm>
#include <utility>

#include "core/router.hpp"
#include "core/session/deliver.hpp"
#include "core/session/welcome.hpp"
#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using namespace cast::wire;

namespace {

constexpr std::int64_t kSweep = 250 * kMs;
constexpr std::int64_t kReview = 20 * kMs;
constexpr int kDropsATurn = 1000;
constexpr std::size_t kFreedATurn = 5000;  // batches
constexpr std::size_t kSwept = 5;          // expiries that are looked at in the time of a step
constexpr std::size_t kInCache = 50'000;   // one of more, in whatever order, is in no cache:
constexpr std::size_t kFar = 3;            // that is worth so many steps
constexpr int kSettling = 8;               // turns that a transaction waits at most
constexpr std::size_t kOwnGroups = 1;      // $events does not count

}  // namespace

void Router::unreachable(ConnectionId id, Now now, Outbox& outbox) {
    evicted_.erase(id);
    if (Connection* connection = state_.sessions.connection(id)) drop(*connection, true, now, outbox);
}

void Router::drop(Connection& connection, bool tell, Now now, Outbox& outbox) {
    Session& session = *connection.session;
    state_.notices.drop(connection.id);
    attachments_.unbind(connection, tell, now, outbox);
    session.connection = nullptr;
    // What it had said before may still be on its way to us, and a BYE ends the session at once.
    detached_.erase(session.detached);
    session.detached = connection.id;
    detached_[connection.id] = session.id;
    state_.sessions.mark_away(session, now.mono_us);
    (tell ? comings_.given_up : comings_.detached).push_back(connection.id);  // untold: a later attempt took its place
    state_.sessions.remove_connection(connection.id);
}

bool Router::part(ConnectionId from, Now now, Outbox& outbox) {
    const auto at = detached_.find(from);
    Session* session = at == detached_.end() ? nullptr : state_.sessions.session(at->second);
    if (session != nullptr) end_session(*session, now, outbox);
    return session != nullptr;
}

void Router::end_session(Session& session, Now now, Outbox& outbox) {
    detached_.erase(session.detached);
    attachments_.end(session, now, outbox);
    if (session.connection != nullptr) {
        state_.notices.drop(session.connection->id);
        comings_.detached.push_back(session.connection->id);
        state_.sessions.remove_connection(session.connection->id);
    }
    receipts_.forget(session);
    state_.end(session);
    state_.sessions.remove_session(session.id);
}

std::int64_t Router::tick(Now now, Outbox& outbox, bool drained) {
    std::int64_t next = scheduled_.tick(now, outbox);
    if (more_to_do() || state_.expiry_queue.many() || state_.expiry_queue.next_us() <= now.mono_us) go_on(now, outbox);
    if (std::exchange(tell_sick_, false))
        state_.sessions.for_each_connection([&](const Connection& c) {
            for (Node* node : c.nodes) mailboxes_.store_failed(*node);
            if (c.session->through > c.session->committed)
                error(c.id, ErrorCode::store_failed, Verb::cast, "the store cannot take messages: receipts wait",
                      outbox);
        });
    next = std::min({next, sweep(now, outbox, drained), attachments_.tick(now, outbox)});
    next = std::min(next, page_loads_.tick(now, outbox));
    next = std::min(next, groups_.tails(now, outbox));
    next = std::min(next, std::max(state_.expiry_queue.next_us(), now.mono_us + 1));
    if (more_to_do()) next = now.mono_us + 1;
    if (shrinking_) {
        const bool dead = dead_.trim(kDropsATurn), history = state_.history.trim(state_.config, kDropsATurn),
                   groups = groups_.trim_to_limits(now);
        shrinking_ = dead || history || groups;
        if (shrinking_) next = now.mono_us;
    }
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

/// Long work, as much of it as a turn may do. A transaction takes the letters of all that has ended by then: so while
/// one waits nothing else ends here until they are cut.
void Router::go_on(Now now, Outbox& outbox) {
    if (state_.may_go_on()) dead_.cut(state_.budget.left());
    groups_.go_on(now);
    groups_.dissolve(now, outbox);
    browser_.go_on(now, outbox);
    state_.leavings.free(kFreedATurn);
    if (state_.settling > 0 && !dead_.settled()) return;
    page_loads_.go_on(now, outbox);
    mailboxes_.go_on(now);
    expire(now, outbox);
    reaper_.go_on(now, outbox);
}

bool Router::more_to_do() const {
    return !dead_.settled() || groups_.ready() || browser_.ready() || !state_.leavings.empty() || page_loads_.ready() ||
           mailboxes_.browse_answers() || reaper_.ready() || state_.expiry_scanner.has_next() ||
           state_.expiry_queue.sweeping();
}

bool Router::wants_transaction(Now now, std::int64_t& due_us) {
    if (!persister_.wants(now, due_us)) return false;
    if (state_.ending || dead_.settled() || ++state_.settling > kSettling) return true;
    due_us = std::min(due_us, now.mono_us + 1);
    return false;
}

void Router::expire(Now now, Outbox& outbox) {
    if (state_.expiry_queue.many()) sweep_expiry_queue();
    mailboxes_.read_more_expired(now, outbox);
    for (bool once = true; state_.expiry_queue.next_us() <= now.mono_us && (once || state_.may_go_on()); once = false) {
        state_.budget.spend(state_.expiry_queue.size() > kInCache ? kFar : 1);
        const Expiry due = state_.expiry_queue.pop();
        const StreamOwner owner = state_.directory.owner(due.stream);
        if (owner.lane != nullptr && owner.lane->stream.batches() > kInCache) state_.budget.spend(kFar);
        if (owner.lane != nullptr) mailboxes_.expire(*owner.lane, due, now, outbox);
        if (owner.group != nullptr) groups_.expire(*owner.group, due.first, now);
    }
}

void Router::sweep_expiry_queue() {
    StreamId id = 0;
    StreamOwner owner;
    const auto held = [&](const Expiry& expiry) {
        if (expiry.stream != id) owner = state_.directory.owner(id = expiry.stream);  // mostly many of one stream
        if (owner.lane != nullptr) return std::max(expiry.first, expiry.last) >= owner.lane->stream.first_kept();
        // What a group has in the store alone goes by its retention.
        return owner.group != nullptr && owner.group->stream.batches() > 0 &&
               expiry.first >= owner.group->stream.front().first;
    };
    state_.budget.spend(state_.expiry_queue.sweep(held, kSwept * state_.config.turn_steps / 2) / kSwept);
}

std::int64_t Router::sweep(Now now, Outbox& outbox, bool drained) {
    if (now.mono_us < next_sweep_us_) return next_sweep_us_;
    const bool second = now.mono_us / kSecond != (next_sweep_us_ - kSweep) / kSecond;
    next_sweep_us_ = now.mono_us + kSweep;
    std::vector<Connection*> dead;
    state_.sessions.for_each_connection([&](Connection& c) {
        const std::int64_t silent = now.mono_us - c.heard_us;
        if (drained && silent >= state_.config.dead_after_us && c.pinged_us > c.heard_us &&
            now.mono_us - c.pinged_us >= kSecond) {
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
        if (now.mono_us - session->away_since_us < state_.config.session_us)
            state_.forgetful_epoch = state_.config.epoch;
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
    state_.notices.release(state_.committed,
                           [&](ConnectionId to, std::string&& frame) { outbox.send(to, std::move(frame)); });
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
        if (Connection* connection = state_.sessions.connection(id))
            flush_deliveries(state_, receipts_, *connection, outbox);
    const std::int64_t due = receipts_.flush(now, outbox);
    state_.deciding = state_.turn + 1;
    return state_.dirty_nodes.empty()
               ? due
               : now.mono_us + 1;  // what comes next there has expired, and is too much for one turn
}

Group* Router::create_group(std::string_view name, ErrorCode& code, Now now, Outbox& outbox) {
    code = ErrorCode::ok;
    Group* group = state_.directory.group(name);
    if (group == nullptr) {
        if (!valid_name(name))
            code = reserved_name(name) ? ErrorCode::forbidden : ErrorCode::invalid_name;
        else if (state_.directory.groups() >= state_.config.max_groups + kOwnGroups)
            code = ErrorCode::too_many;
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
    Group* known = state_.directory.group(group_name);
    const bool member = known != nullptr && node->membership(*known) != nullptr;
    if (!member && !node->hidden && state_.memberships >= state_.config.max_memberships) return ErrorCode::too_many;
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

void Router::publish_events(std::string_view group, std::string&& frame, Now now) {
    Slice slice = Slice::take(std::move(frame));
    const auto batch = read_batch(slice.view().substr(kFrameHeader));
    if (batch) groups_.append(*state_.directory.group(group), nullptr, batch->header, slice, now);
}

void Router::reconfigure(const Config& config, Outbox& outbox) {
    const Limits before = limits_of(state_.config);
    Config next = config;
    next.epoch = state_.config.epoch;
    next.store_id = state_.config.store_id;
    next.first_stream = state_.config.first_stream;
    next.broadcast_stream = state_.config.broadcast_stream;
    next.durable = state_.config.durable;
    next.hash_secret = state_.config.hash_secret;
    if (next.session_us > state_.config.session_us) state_.forgetful_epoch = next.epoch;  // Recovery::restore says why
    state_.config = next;
    state_.history.shrink();
    groups_.shrink();
    shrinking_ = true;
    if (limits_of(state_.config) == before) return;
    const std::string frame = encode(limits_of(state_.config));
    state_.sessions.for_each_connection([&](Connection& c) {
        c.session->window = std::max<std::uint64_t>(c.session->window, state_.config.sender_window);
        outbox.send(c.id, std::string(frame));
    });
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
