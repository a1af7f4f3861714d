// Groups, the other half: who is a member, and on which connection it is read. Pure; broker's thread.
#include <algorithm>

#include "core/groups.hpp"
#include "core/pace.hpp"

namespace broker {

using cast::wire::Position;

void Groups::join(Node& node, Group& group, Now now, Outbox& outbox) {
    if (node.membership(group) != nullptr) return;
    node.memberships.push_back({&group, group.stream.last()});
    state_.touch(node, node.memberships.back());
    ++group.member_count;
    if (!group.broadcast()) group.members.insert(&node);
    Membership& m = node.memberships.back();
    if (node.connection != nullptr) {
        subscribe(node, m, now);
        cast::wire::Membership told{node.name, true, describe(m)};
        if (!group.broadcast()) outbox.send(node.connection->id, cast::wire::encode(told));
    } else {
        group.absent_lowest = group.absent == 0 ? m.cursor : std::min(group.absent_lowest, m.cursor);
        ++group.absent;
    }
    if (!group.broadcast() && !node.hidden && state_.watched()) outbox.events.push_back({"joined", node.name, group.name, now.wall_us});
}

void Groups::leave(Node& node, Group& group, Now now, Outbox& outbox) {
    Membership* m = node.membership(group);
    if (m == nullptr) return;
    if (node.connection != nullptr) {
        cast::wire::Membership told{node.name, false, describe(*m)};
        if (!group.broadcast()) outbox.send(node.connection->id, cast::wire::encode(told));
        unsubscribe(node, *m, now);
    } else {
        --group.absent;
        group.absent_stale = true;
    }
    state_.end(node, *m);
    node.memberships.erase(node.memberships.begin() + (m - node.memberships.data()));
    --group.member_count;
    group.members.erase(&node);
    trim(group, now);
    review(group, now);
    if (!group.broadcast() && !node.hidden && state_.watched()) outbox.events.push_back({"left", node.name, group.name, now.wall_us});
}

void Groups::remove(Group& group, Now now, Outbox& outbox) {
    while (!group.members.empty()) leave(**group.members.begin(), group, now, outbox);
    if (!group.waiting.empty()) receipts_.release(group.stream.id(), group.waiting, now);
    state_.end(group.stream);
    state_.total_bytes -= group.stream.bytes();
    state_.cold_bytes -= group.stream.cold_bytes();
    std::erase(state_.lagging, &group);
    std::erase(state_.dirty_groups, &group);
    if (state_.watched()) outbox.events.push_back({"deleted", {}, group.name, now.wall_us});
    state_.directory.remove_group(group);
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
        s->pace.budget_us = state_.config.hold_back_us;
        s->pace.advanced_us = now.mono_us;
        s->acked = s->lowest = m.cursor;
    }
    m.own = true;  // until an ACK lists it beyond this start: one that is under way may be about an earlier membership
    m.start = m.cursor;
    s->nodes.push_back(&node);
    ++s->own;
    s->lowest = std::min(s->lowest, m.cursor);
    if (s->lowest < group.stream.last()) watch_tail(group);
    return *s;
}

void Groups::unsubscribe(Node& node, Membership& m, Now now) {
    Group& group = *m.group;
    auto at = node.connection->subscriptions.find(group.stream.id());
    Subscription& s = *at->second;
    if (m.own)
        --s.own;
    else
        m.cursor = std::max(m.cursor, s.acked);
    m.own = true;
    m.high = group.stream.last();  // it may have got all of that
    state_.touch(node, m);
    std::erase(s.nodes, &node);
    if (!s.nodes.empty()) {
        s.stale = true;  // its lowest may be higher now; the sweep sees
        return;
    }
    stop_hold(s.pace, false, state_.config, now);
    node.connection->subscriptions.erase(at);
    std::erase_if(group.subscriptions, [&s](const auto& one) { return one.get() == &s; });
}

void Groups::open(Node& node, const std::vector<Position>& positions, bool earlier, Now now) {
    for (Membership& m : node.memberships) {
        Group& group = *m.group;
        --group.absent;
        group.absent_stale = true;
        for (const Position& p : positions)
            if (p.stream == group.stream.id() && (!earlier || p.received <= m.cursor)) m.cursor = std::clamp(p.acked, m.cursor, std::max(m.cursor, earlier ? group.stream.base() : group.stream.last()));
        subscribe(node, m, now);
    }
}

void Groups::close(Node& node, Now now) {
    for (Membership& m : node.memberships) {
        Group& group = *m.group;
        unsubscribe(node, m, now);
        group.absent_lowest = group.absent == 0 ? m.cursor : std::min(group.absent_lowest, m.cursor);
        ++group.absent;
        review(group, now);
    }
}

}  // namespace broker
