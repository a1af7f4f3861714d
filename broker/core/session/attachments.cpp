// Who holds which node. Pure; broker's thread.
#include "core/session/attachments.hpp"

#include <algorithm>
#include <iterator>

#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using namespace cast::wire;

namespace {

constexpr std::size_t kAttachWork = 10;   // steps: what it takes to attach one node, or to lose it
constexpr std::size_t kReleaseSteps = 5;  // of long work: to let one go that vanishes

}  // namespace

ErrorCode Attachments::check_name(const Connection& connection, std::string_view name) const {
    if (valid_name(name)) return ErrorCode::ok;
    if (is_reply_name(name, connection.session->id)) return ErrorCode::ok;
    return reserved_name(name) ? ErrorCode::forbidden : ErrorCode::invalid_name;
}

Node* Attachments::find_or_make(std::string_view name, Now now, Outbox& outbox) {
    if (Node* node = state_.directory.node(name)) return node;
    if (state_.directory.nodes() >= state_.config.max_nodes) return nullptr;
    Node& node = state_.directory.add_node(name, name[0] == '$');
    state_.touch(node);
    if (!node.hidden) groups_.join(node, state_.directory.broadcast(), now, outbox);
    event(outbox, "created", node, now);
    return &node;
}

void Attachments::event(Outbox& outbox, const char* kind, const Node& node, Now now) {
    if (!node.hidden && state_.watched()) outbox.events.push_back({kind, node.name, {}, now.wall_us});
}

bool Attachments::held_elsewhere(const Node& node, const Connection& connection) const {
    return node.holder != 0 && (node.holder != connection.session->id || node.connection == &connection);
}

void Attachments::attach(Connection& connection, const Attach& attach, Now now, Outbox& outbox) {
    Attached reply;
    reply.request = attach.request;
    for (const AttachNode& wish : attach.nodes) {
        state_.work += kAttachWork + wish.positions.size();
        AttachedNode answered;
        answered.name = wish.name;
        answered.code = check_name(connection, wish.name);
        if (answered.code == ErrorCode::ok && connection.senders.size() >= kConnectionNodes)
            answered.code = ErrorCode::too_many;
        if (answered.code == ErrorCode::ok && (wish.flags & kReceive) == 0) {
            connection.senders.try_emplace(std::string(wish.name));
        } else if (answered.code == ErrorCode::ok) {
            Node* node = find_or_make(wish.name, now, outbox);
            if (node == nullptr) {  // NOLINT(bugprone-branch-clone): two limits
                answered.code = ErrorCode::too_many;
            } else if (node->connection == &connection && (wish.flags & kTakeOver) == 0) {
                answered.code = ErrorCode::name_in_use;
            } else if (held_elsewhere(*node, connection) && node->connection != nullptr &&
                       (wish.flags & kTakeOver) == 0 && conflicts_.size() >= kConnectionNodes) {
                answered.code = ErrorCode::too_many;
            } else if (held_elsewhere(*node, connection) && node->connection != nullptr &&
                       (wish.flags & kTakeOver) == 0) {
                connection.senders.try_emplace(node->name);  // to send as it needs no hold
                conflicts_.push_back({connection.id, node->connection->id, attach.request,
                                      now.mono_us + state_.config.conflict_us, wish.flags, node->name});
                outbox.send(node->connection->id,
                            encode_ping(Verb::ping, Ping{static_cast<std::uint64_t>(now.mono_us)}));
                continue;
            } else {
                if (held_elsewhere(*node, connection)) displace(*node, now, outbox);
                answered = bind(*node, connection, wish, now, outbox);
            }
        }
        reply.nodes.push_back(std::move(answered));
    }
    if (!reply.nodes.empty() || attach.nodes.empty()) outbox.send(connection.id, encode(reply));
}

void Attachments::displace(Node& node, Now now, Outbox& outbox) {
    if (node.connection != nullptr) {
        // The store knows the holders of those nodes alone that would vanish with them.
        state_.notify(node, !node.created && !node.hidden, node.connection->id,
                      encode(Detached{node.name, ErrorCode::taken_over}), outbox);
        node.connection->senders.erase(node.name);
        node.connection->last_sender = nullptr;
        node.connection->nodes.erase(&node);
        lose(node, now);
    }
    state_.orphans.erase(&node);
    node.holder = 0;
}

AttachedNode Attachments::bind(Node& node, Connection& connection, const AttachNode& wish, Now now, Outbox& outbox) {
    if (node.connection != nullptr) {  // the same session, on an older connection or for another of its readers
        node.connection->nodes.erase(&node);
        lose(node, now);
    }
    groups_.settle(node, now, outbox);
    state_.notices.drop(connection.id, node.name);
    const bool again = (wish.flags & kAgain) != 0;
    const int ago = (wish.flags & kBefore) != 0 ? 2 : (wish.flags & kEarlier) != 0 ? 1 : 0;
    const bool same_reader = again && ago == 0 && node.reader == connection.session->id;
    state_.orphans.erase(&node);
    node.holder = node.reader = connection.session->id;
    state_.directory.set_connection(node, &connection);
    connection.nodes.insert(&node);
    if (!node.created) state_.touch(node);
    connection.senders[node.name].receives = true;
    const Positions positions = again || ago == 2 ? Positions(wish.positions) : Positions();
    for (const auto& lane : node.lanes) mailboxes_.open(*lane, positions.of(lane->stream.id()), ago, same_reader, now);
    groups_.open(node, positions, ago, now);
    if (!node.dirty) {
        node.dirty = true;
        state_.dirty_nodes.push_back(&node);
    }
    if (!node.online) event(outbox, "online", node, now);
    node.online = true;
    return answer(node, ago > 0 ? positions : Positions(), same_reader);
}

AttachedNode Attachments::answer(Node& node, const Positions& earlier, bool same_reader) const {
    AttachedNode answered;
    answered.name = node.name;
    for (const auto& lane : node.lanes)
        if (const Sequence cursor = Mailboxes::announced_cursor(*lane);
            (lane->announced = lane->stream.last() > cursor || earlier.of(lane->stream.id()) != nullptr))
            answered.streams.push_back({lane->stream.id(),
                                        static_cast<std::uint8_t>(lane->priority),
                                        {},
                                        cursor,
                                        lane->stream.last(),
                                        lane->high_sent});
    state_.work += node.memberships.size();
    for (const Membership& m : node.memberships) answered.streams.push_back(groups_.describe(m));
    if (same_reader)  // what it was sent before the cut is its own
        for (StreamInfo& info : answered.streams) info.delivered = 0;
    return answered;
}

void Attachments::lose(Node& node, Now now) {
    groups_.close(node, now);
    state_.directory.set_connection(node, nullptr);
    for (const auto& lane : node.lanes) mailboxes_.close(*lane, now);
    node.lost_us = now.mono_us;
}

void Attachments::detach(Connection& connection, std::string_view name, Now now, Outbox& outbox) {
    Node* node = state_.directory.node(name);
    connection.last_sender = nullptr;
    connection.senders.erase(std::string(name));
    state_.notices.drop(connection.id, name);
    std::erase_if(conflicts_, [&](const Conflict& c) { return c.wants == connection.id && c.name == name; });
    if (node != nullptr && node->connection == &connection) {
        connection.nodes.erase(node);
        lose(*node, now);
        release(*node, now, outbox);
    }
    outbox.send(connection.id, encode(Detached{name, ErrorCode::ok}));
}

void Attachments::unbind(Connection& connection, bool tell, Now now, Outbox& outbox) {
    for (Node* node : connection.nodes) {
        state_.work += kAttachWork + node->memberships.size();
        lose(*node, now);
        state_.orphans.insert(node);
        if (tell && node->online) {
            node->online = false;
            event(outbox, "offline", *node, now);
        }
    }
    connection.nodes.clear();
}

void Attachments::end(Session& session, Now now, Outbox& outbox) {
    if (session.connection != nullptr) unbind(*session.connection, true, now, outbox);
    std::vector<Node*> held;
    for (Node* node : state_.orphans)
        if (node->holder == session.id) held.push_back(node);
    for (Node* node : held) release(*node, now, outbox);
}

void Attachments::release(Node& node, Now now, Outbox& outbox) {
    state_.orphans.erase(&node);
    node.holder = 0;
    if (node.online) event(outbox, "offline", node, now);
    node.online = false;
    if (!node.created) vanish(node, now, outbox);
}

void Attachments::vanish(Node& node, Now now, Outbox& outbox) {
    std::vector<std::unique_ptr<Lane>> lanes;
    for (auto& lane : node.lanes) {
        mailboxes_.disown(*lane, now);
        if (!lane->stream.empty()) lanes.push_back(std::move(lane));
    }
    std::erase(node.lanes, nullptr);
    reaper_.take(std::move(lanes), node.hidden, now, outbox);
    state_.end(node);
    while (!node.memberships.empty()) {
        Group& group = *node.memberships.back().group;
        groups_.leave(node, group, now, outbox);
        if (!group.created && group.member_count == 0 && !group.dissolved) groups_.remove(group, now, outbox);
    }
    event(outbox, "deleted", node, now);
    state_.orphans.erase(&node);
    state_.history.forget(node);
    state_.busiest.forget(node);
    std::erase(state_.dirty_nodes, &node);
    state_.directory.remove_node(node);
}

std::uint64_t Attachments::purge(Node& node, Now now, Outbox& outbox) {
    std::vector<Lane*> lanes;
    for (const auto& lane : node.lanes)
        if (!lane->stream.empty()) lanes.push_back(lane.get());
    std::vector<std::unique_ptr<Lane>> purged;
    std::uint64_t count = 0;
    for (Lane* lane : lanes) {
        // What lies in the store is read once more, for its senders; so the lane goes, and another takes its place.
        const Sequence last = lane->stream.last(),
                       had = node.connection != nullptr ? std::max(lane->sent, lane->cursor) : lane->cursor;
        const Sequence first = lane->stream.first_kept();
        count +=
            lane->stream.messages() -
            (lane->cursor >= first ? std::min<std::uint64_t>(lane->cursor - first + 1, lane->stream.messages()) : 0);
        lane->cursor = lane->sent = last;  // nobody wants it: no dead letters
        mailboxes_.disown(*lane, now);
        const int priority = lane->priority;
        const std::unique_ptr<Lane>& old =
            purged.emplace_back(state_.directory.replace(*lane, state_.config.backpressure_us));
        Lane& fresh = state_.directory.lane(node, priority, state_.config.backpressure_us);
        fresh.stream.kept = old->stream.kept;
        fresh.backpressure.advanced_us = now.mono_us;
        if (last > had) fresh.stream.begin_with_gap(last - had, GapReason::purged);
        state_.touch(fresh.stream);
    }
    reaper_.take(std::move(purged), node.hidden, now, outbox);
    if (!lanes.empty() && !node.dirty) {
        node.dirty = true;
        state_.dirty_nodes.push_back(&node);
    }
    return count;
}

void Attachments::heard(const Connection& holder, Now now, Outbox& outbox) {
    settle_those([&](const Conflict& c) { return c.holder == holder.id; }, true, now, outbox);
}

template <class Those>
void Attachments::settle_those(Those&& those, bool holder_lives, Now now, Outbox& outbox) {
    const auto at =
        std::stable_partition(conflicts_.begin(), conflicts_.end(), [&](const Conflict& c) { return !those(c); });
    const std::vector<Conflict> due(std::make_move_iterator(at), std::make_move_iterator(conflicts_.end()));
    conflicts_.erase(at, conflicts_.end());
    for (const Conflict& conflict : due) settle(conflict, holder_lives, now, outbox);
}

void Attachments::settle(const Conflict& conflict, bool holder_lives, Now now, Outbox& outbox) {
    Connection* connection = state_.sessions.connection(conflict.wants);
    if (connection == nullptr) return;
    Attached reply;
    reply.request = conflict.request;
    Node* node = find_or_make(conflict.name, now, outbox);
    AttachedNode& answered = reply.nodes.emplace_back();
    answered.name = conflict.name;
    if (node == nullptr) {
        answered.code = ErrorCode::too_many;
    } else if (holder_lives && held_elsewhere(*node, *connection)) {
        answered.code = ErrorCode::name_in_use;
    } else {
        if (held_elsewhere(*node, *connection)) displace(*node, now, outbox);
        answered = bind(*node, *connection, AttachNode{conflict.flags, node->name, {}}, now, outbox);
    }
    outbox.send(connection->id, encode(reply));
}

std::int64_t Attachments::tick(Now now, Outbox& outbox) {
    std::int64_t next = kNever;
    const auto over = [&](const Conflict& c) {
        return c.until_us <= now.mono_us || state_.sessions.connection(c.holder) == nullptr;
    };
    if (!conflicts_.empty()) settle_those(over, false, now, outbox);
    for (const Conflict& conflict : conflicts_) next = std::min(next, conflict.until_us);
    for (bool once = true; !state_.orphans.empty(); once = false) {
        Node& node = **state_.orphans.begin();
        const std::int64_t until = node.lost_us + state_.config.grace_us;
        if (until > now.mono_us) return std::min(next, until);
        if (!once && !state_.may_go_on()) return now.mono_us + 1;
        state_.budget.spend(kReleaseSteps + node.memberships.size());
        release(node, now, outbox);
    }
    return next;
}

Node* Attachments::create(std::string_view name, ErrorCode& code, Now now, Outbox& outbox) {
    code = valid_name(name) ? ErrorCode::ok : reserved_name(name) ? ErrorCode::forbidden : ErrorCode::invalid_name;
    if (code != ErrorCode::ok) return nullptr;
    Node* node = find_or_make(name, now, outbox);
    if (node == nullptr) {
        code = ErrorCode::too_many;
        return nullptr;
    }
    state_.directory.set_created(*node, true);
    state_.touch(*node);
    return node;
}

ErrorCode Attachments::remove(std::string_view name, Now now, Outbox& outbox) {
    Node* node = state_.directory.node(name);
    if (node == nullptr || node->hidden) return ErrorCode::no_such_node;
    if (node->connection != nullptr) {
        state_.notify(*node, true, node->connection->id, encode(Detached{node->name, ErrorCode::deleted}), outbox);
        node->connection->senders.erase(node->name);
        node->connection->last_sender = nullptr;
        node->connection->nodes.erase(node);
        lose(*node, now);
    }
    state_.directory.set_created(*node, false);
    release(*node, now, outbox);
    return ErrorCode::ok;
}

}  // namespace broker
