// Groups, the other half: who is a member, and on which connection it is read. Pure; broker's thread.
#include <algorithm>

#include "core/group/groups.hpp"
#include "core/mailbox/backpressure.hpp"

namespace broker {

using cast::wire::Position;

namespace {

/// Cursors that are listed for the store in a second, of connections that read a group for many nodes.
constexpr std::size_t kCursorsAtOnce = 4096;

}  // namespace

void Groups::join(Node& node, Group& group, Now now, Outbox& outbox) {
    if (node.membership(group) != nullptr) return;
    settle(node, now, outbox);  // there may have been another group of this name
    Membership& m = node.add_membership({&group, group.stream.last()});
    state_.touch(node, m);
    ++group.member_count;
    if (!group.broadcast()) group.members.insert(&node);
    if (!group.broadcast() && !node.hidden) ++state_.memberships;
    if (node.connection != nullptr) {
        subscribe(node, m, now);
        cast::wire::Membership message{node.name, true, describe(m)};
        if (!group.broadcast())
            state_.notify(node, group.stream.kept && !node.hidden, node.connection->id, cast::wire::encode(message),
                          outbox);
    } else {
        group.absent.add(m.cursor);
    }
    if (!group.broadcast() && !node.hidden && state_.watched())
        outbox.events.push_back({"joined", node.name, group.name, now.wall_us});
}

void Groups::leave(Node& node, Group& group, Now now, Outbox& outbox) {
    Membership* m = node.membership(group);
    if (m == nullptr) return;
    if (node.connection != nullptr) {
        cast::wire::Membership message{node.name, false, describe(*m)};
        if (!group.broadcast())
            state_.notify(node, (group.stream.kept || group.dissolved) && !node.hidden, node.connection->id,
                          cast::wire::encode(message), outbox);
        unsubscribe(node, *m, now);
    } else {
        group.absent.remove(m->cursor);
        group.may_trim = true;
    }
    state_.end(node, *m);
    node.memberships.erase(node.memberships.begin() + (m - node.memberships.data()));
    --group.member_count;
    group.members.erase(&node);
    if (!group.dissolved) {
        if (!group.broadcast() && !node.hidden) --state_.memberships;
        trim(group);
        review(group, now);
    }
    if (!group.broadcast() && !node.hidden && state_.watched())
        outbox.events.push_back({"left", node.name, group.name, now.wall_us});
}

void Groups::remove(Group& group, Now now, Outbox& outbox) {
    if (!group.waiting.empty()) receipts_.release(group.stream.id(), group.waiting, now);
    drop_all(group, {});
    state_.end(group.stream);
    std::erase(state_.lagging, &group);
    std::erase(state_.dirty_groups, &group);
    std::unique_ptr<Group> taken = state_.directory.take_group(group);
    group.dissolved = true;
    group.stream.kept = false;                   // the store lets its memberships go with it
    state_.memberships -= group.members.size();  // they count no more; nobody hidden is in a group that can be deleted
    const bool whole = dissolve(group, now, outbox);
    if (state_.watched()) outbox.events.push_back({"deleted", {}, group.name, now.wall_us});
    if (!whole) dissolving_.push_front(std::move(taken));
}

/// True: all have left.
bool Groups::dissolve(Group& group, Now now, Outbox& outbox) {
    for (bool once = true; !group.members.empty() && (once || state_.may_go_on()); once = false) {
        state_.budget.spend();
        leave(**group.members.begin(), group, now, outbox);
    }
    return group.members.empty();
}

void Groups::dissolve(Now now, Outbox& outbox) {
    while (!dissolving_.empty() && dissolve(*dissolving_.front(), now, outbox)) dissolving_.pop_front();
}

void Groups::settle(Node& node, Now now, Outbox& outbox) {
    if (dissolving_.empty()) return;
    for (std::size_t i = node.memberships.size(); i > 0; --i)
        if (Group& group = *node.memberships[i - 1].group; group.dissolved) leave(node, group, now, outbox);
}

cast::wire::StreamInfo Groups::describe(const Membership& m) const {
    cast::wire::StreamInfo info;
    info.stream = m.group->stream.id();
    info.kind = m.group->broadcast() ? cast::wire::kBroadcastStream : cast::wire::kGroupStream;
    info.group = m.group->name;
    info.cursor = m.cursor;
    info.last = m.group->stream.last();
    info.delivered = m.high;
    return info;
}

Subscription& Groups::subscribe(Node& node, Membership& m, Now now) {
    Group& group = *m.group;
    Subscription*& s = node.connection->subscriptions[group.stream.id()];
    if (s == nullptr) {
        s = group.subscriptions.emplace_back(std::make_unique<Subscription>()).get();
        s->connection = node.connection;
        s->group = &group;
        s->backpressure.budget_us = state_.config.backpressure_us;
        s->backpressure.advanced_us = now.mono_us;
        s->acked = s->lowest = m.cursor;
    }
    m.own = true;  // until an ACK lists it beyond this start: one that is under way may be about an earlier membership
    m.start = m.cursor;
    m.place = static_cast<std::uint32_t>(s->nodes.size());
    s->nodes.push_back(&node);
    s->own.add(m.cursor);
    s->lowest = std::min(s->lowest, m.cursor);
    if (s->lowest < group.stream.last()) watch_tail(group);
    return *s;
}

void Groups::unsubscribe(Node& node, Membership& m, Now now) {
    Group& group = *m.group;
    auto at = node.connection->subscriptions.find(group.stream.id());
    Subscription& s = *at->second;
    if (m.own)
        s.own.remove(m.cursor);
    else
        m.cursor = std::max(m.cursor, s.acked);
    m.own = true;
    m.high = group.stream.last();  // it may have got all of that
    state_.touch(node, m);
    Membership& last = *s.nodes.back()->membership(group);
    if (s.saved > m.place) state_.touch(*s.nodes.back(), last);  // it takes the place of one that had its turn
    last.place = m.place;
    s.nodes[m.place] = s.nodes.back();
    s.nodes.pop_back();
    if (!s.nodes.empty()) {
        recount(s);
        group.may_trim = true;
        return;
    }
    stop_delaying(s.backpressure, false, state_.config, now);
    node.connection->subscriptions.erase(at);
    std::erase_if(group.subscriptions, [&s](const auto& one) { return one.get() == &s; });
}

void Groups::open(Node& node, const Positions& positions, int ago, Now now) {
    for (Membership& m : node.memberships) {
        Group& group = *m.group;
        group.absent.remove(m.cursor);
        group.may_trim = true;
        if (const Position* p = positions.of(group.stream.id());
            p != nullptr && (ago == 0 || p->received <= m.cursor)) {
            const Sequence before = m.cursor;
            m.cursor = std::clamp(p->acked, m.cursor, std::max(m.cursor, group.stream.last(ago)));
            if (m.cursor > before) state_.touch(node, m);
        }
        subscribe(node, m, now);
    }
}

void Groups::close(Node& node, Now now) {
    for (Membership& m : node.memberships) {
        Group& group = *m.group;
        unsubscribe(node, m, now);
        group.absent.add(m.cursor);  // whom it held back is seen to in this turn: the stream is among State::holding
    }
}

void Groups::advanced(Subscription& s) {
    if (s.nodes.size() > state_.config.few_nodes) return list_dirty(s);
    for (Node* node : s.nodes) state_.touch(*node, *node->membership(*s.group));
}

void Groups::list_dirty(Subscription& s) {
    if (s.dirty) return;
    s.dirty = true;
    dirty_.emplace_back(s.group->stream.id(), s.connection->id);
}

/// One ACK may be about 16,384 nodes, and many come in a second: so a row for each of them is written in turns.
void Groups::save_cursors() {
    for (std::size_t left = kCursorsAtOnce; left > 0 && !dirty_.empty(); --left) {
        const auto [stream, id] = dirty_.front();
        Connection* connection = state_.sessions.connection(id);
        const bool read = connection != nullptr && connection->subscriptions.contains(stream);
        if (!read || !connection->subscriptions.at(stream)->dirty) {  // it has ended, and they were stored with that
            dirty_.pop_front();
            continue;
        }
        Subscription& s = *connection->subscriptions.at(stream);
        if (s.saved == 0) s.saving = s.acked;
        if (s.saved < s.nodes.size()) {
            Node* node = s.nodes[s.saved++];
            state_.touch(*node, *node->membership(*s.group));
            continue;
        }
        dirty_.pop_front();
        s.saved = 0;
        s.dirty = false;
        if (s.acked > s.saving) list_dirty(s);
    }
}

}  // namespace broker
