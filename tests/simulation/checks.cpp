// The broker's accounts: sums against what they sum up, sets against what they index.
#include <algorithm>

#include "simulation/world.hpp"

namespace sim {
namespace {

using broker::Group;
using broker::Lane;
using broker::Node;
using broker::Stream;
using broker::Subscription;

constexpr std::size_t kLargest = 150000;  // bytes of the largest batch that a run makes

void check_stream(const Stream& stream) {
    std::size_t bytes = 0, messages = 0;
    std::uint64_t next = 0, offset = 0;
    for (std::size_t i = 0; i < stream.batches(); ++i) {
        const broker::StoredBatch& b = stream[i];
        const bool joined = (i != stream.split() || !stream.has_paged_out()) && b.first == next;
        require(next == 0 || b.first == next || stream.kept, "a stream has a hole between its batches");
        require(next == 0 || b.first >= next, "a stream's batches are out of order");
        require(next == 0 || !joined || b.offset == offset, [&] {
            return text("stream %llu: batch %zu of %zu (split %zu, %zu paged out) has offset %llu and not %llu",
                        ull(stream.id()), i, stream.batches(), stream.split(), stream.paged_out().size(), ull(b.offset),
                        ull(offset));
        });
        next = b.last() + 1;
        offset = b.end();
        if (b.gone) continue;
        bytes += b.size;
        messages += b.count;
        const auto view = cast::wire::read_batch(b.frame.view().substr(cast::wire::kFrameHeader));
        require(view && view->header.stream == stream.id() && view->header.sequence == b.first &&
                    view->header.count == b.count,
                "a stored batch is not what its stream says");
    }
    std::size_t paged_out = 0;
    for (const broker::PagedRange& range : stream.paged_out()) {
        paged_out += range.bytes;
        messages += range.messages;
        require(range.last <= stream.last() && range.first <= range.last, "a paged-out range makes no sense");
    }
    require(paged_out == stream.paged_out_bytes(), "a stream's sum of what is paged out is wrong");
    bytes += paged_out;
    require(next == 0 || next == stream.last() + 1 || stream.kept, "a stream does not end where it says");
    require(bytes == stream.bytes() && messages == stream.messages(), "a stream's sums are wrong");
}

void check_lane(broker::Router& router, const Node& node, const Lane& lane) {
    check_stream(lane.stream);
    require(lane.node == &node, "a lane has another's node");
    require(router.state().directory.owner(lane.stream.id()).lane == &lane, "a lane's stream has no owner");
    require(lane.cursor <= lane.sent && lane.sent <= lane.stream.last(),
            "a lane's cursor, sent and last are out of order");
    require(lane.sent <= lane.high_sent || node.connection == nullptr || lane.sent <= lane.cursor ||
                lane.high_sent == 0 || lane.sent <= lane.stream.last(),
            "a lane has sent more than it remembers");
    require(lane.waiting.empty() || router.state().holding.contains(lane.stream.id()),
            "a lane's hold will never be looked at");
    require(!lane.stream.front_in_memory() || lane.stream.front().last() > lane.cursor,
            "a lane keeps what was acknowledged");
}

void check_node(broker::Router& router, Node& node, std::size_t& total) {
    const broker::Config& config = router.config();
    std::size_t bytes = 0, messages = 0, largest_count = 1;
    for (const auto& lane : node.lanes) {
        check_lane(router, node, *lane);
        bytes += lane->stream.bytes();
        messages += lane->stream.messages();
        for (std::size_t i = 0; i < lane->stream.batches(); ++i)
            largest_count = std::max<std::size_t>(largest_count, lane->stream[i].count);
    }
    total += bytes;
    require(bytes == node.queued.bytes() && messages == node.queued.messages(), [&] {
        return text("%s: %zu messages and %zu bytes queued, says %zu and %zu", node.name.c_str(), messages, bytes,
                    node.queued.messages(), node.queued.bytes());
    });
    // Where the clock is set back, what had expired may come to life again in the store.
    require(router.config().durable ||
                (messages < config.mailbox_messages + largest_count && bytes < config.mailbox_bytes + kLargest),
            [&] {
                return text("%s: %zu messages and %zu bytes are over the limit of %zu and %zu", node.name.c_str(),
                            messages, bytes, config.mailbox_messages, config.mailbox_bytes);
            });
    if (node.connection != nullptr) {
        require(node.connection->nodes.contains(&node) && node.holder == node.connection->session->id,
                "a node and its connection disagree");
        require(router.state().sessions.connection(node.connection->id) == node.connection,
                "a node has a dead connection");
    }
    const bool orphan = router.state().orphans.contains(&node);
    require(orphan == (node.connection == nullptr && node.holder != 0), "a node is wrongly among the orphans, or not");
    require(node.created || node.holder != 0, "a node that nobody made or holds");
}

void check_subscription(const Subscription& s, const Group& group) {
    require(!s.nodes.empty(), "a subscription without readers");
    require(s.group == &group && s.connection->subscriptions.at(group.stream.id()) == &s,
            "a subscription and its connection disagree");
    std::size_t own = 0;
    std::uint64_t lowest = group.stream.last();
    for (Node* node : s.nodes) {
        require(node->connection == s.connection, "a subscription has a reader of another connection");
        const broker::Membership* m = node->membership(group);
        require(m != nullptr, "a subscription has a reader that is no member");
        require(s.nodes.at(m->place) == node, "a reader does not know its place in its subscription");
        own += m->own ? 1 : 0;
        lowest = std::min(lowest, m->own ? m->cursor : s.acked);
    }
    require(own == s.own.size(), "a subscription counts its own cursors wrongly");
    require(s.lowest == lowest,
            [&] { return text("a subscription's lowest is %llu and not %llu", ull(s.lowest), ull(lowest)); });
}

void check_group(broker::Router& router, Group& group, std::size_t& total) {
    check_stream(group.stream);
    total += group.stream.bytes();
    const broker::Config& config = router.config();
    require(group.stream.batches() + group.stream.paged_out().size() <= 1 ||
                (group.stream.messages() <= config.group_messages && group.stream.bytes() <= config.group_bytes),
            [&] {
                return text("group '%s' keeps %zu messages and %zu bytes in %zu batches, its limits are %zu and %zu",
                            group.name.c_str(), group.stream.messages(), group.stream.bytes(), group.stream.batches(),
                            config.group_messages, config.group_bytes);
            });
    require(router.state().directory.owner(group.stream.id()).group == &group, "a group's stream has no owner");
    for (const auto& s : group.subscriptions) check_subscription(*s, group);
    std::size_t members = 0, absent = 0, read = 0;
    std::uint64_t lowest = group.stream.last();
    router.state().directory.for_each_node([&](Node& node) {
        const broker::Membership* m = node.membership(group);
        if (m == nullptr) return;
        ++members;
        require(group.broadcast() || group.members.contains(&node), "a member is not listed");
        if (node.connection != nullptr) return;
        ++absent;
        lowest = std::min(lowest, m->cursor);
    });
    for (const auto& s : group.subscriptions) read += s->nodes.size();
    require(members == group.member_count && (group.broadcast() || members == group.members.size()),
            "a group counts its members wrongly");
    require(absent == group.absent.size() && read + absent == members, "a group counts its absent members wrongly");
    require(absent == 0 || std::min(group.absent.lowest(), group.stream.last()) == lowest,
            "a group counts an absent member's cursor wrongly");
    require(group.lagging == (std::count(router.state().lagging.begin(), router.state().lagging.end(), &group) == 1),
            "a group's tail is listed wrongly");
}

void check_sessions(broker::Router& router) {
    router.state().sessions.for_each_connection([&](broker::Connection& c) {
        const broker::Session& s = *c.session;
        require(s.connection == &c, "a session has another connection");
        require(s.receipted <= s.through && s.committed <= s.through, "a session is receipted beyond its end");
        require(s.receipted_bytes <= s.accepted_bytes, "a session's bytes are wrong");
        require(s.refused_sent <= s.refused.size() && s.delivered_sent <= s.delivered.size(),
                "a session told more than there is");
        require(std::is_sorted(s.refused.begin(), s.refused.end(),
                               [](const auto& a, const auto& b) { return a.number < b.number; }),
                "refusals out of order");
        for (const broker::DelayedReceipt& held : s.held)
            require(router.state().holding.contains(held.stream), "a receipt is held back for ever");
        for (Node* node : c.nodes) require(node->connection == &c, "a connection lists a node of another");
        for (const auto& [stream, subscription] : c.subscriptions)
            require(subscription->connection == &c, "a connection has another's subscription");
    });
}

}  // namespace

void check_state(broker::Router& router) {
    std::size_t total = 0;
    broker::Directory& directory = router.state().directory;
    directory.for_each_node([&](Node& node) { check_node(router, node, total); });
    directory.for_each_group([&](Group& group) { check_group(router, group, total); });
    check_group(router, directory.broadcast(), total);
    total += router.scheduled().bytes();
    for (const auto& [id, orphan] : router.state().orphaned_lanes) {
        check_stream(orphan.lane->stream);
        require(directory.owner(id).lane == nullptr, "a lane that is let go has an owner");
        total += orphan.lane->stream.bytes() - orphan.lane->stream.paged_out_bytes();
    }
    require(router.dead().messages() <= router.config().dead_letter_messages, "more dead letters than may be");
    std::size_t waiting = 0, unread = router.scheduled().bytes();
    router.scheduled().for_each({}, [&](broker::Sequence, const broker::ScheduledBatch& entry) {
        waiting += entry.count;
        unread -= entry.size;
        return true;
    });
    require(waiting <= router.scheduled().messages(), "more waits than is counted");
    require(unread == 0 || router.config().durable, "what waits is not in memory");
    require(total == router.state().usage.bytes(),
            [&] { return text("%zu bytes are held, says %zu", total, router.state().usage.bytes()); });
    std::size_t paged_out = unread, queued = 0;
    directory.for_each_node([&](Node& node) {
        queued += node.hidden ? 0 : node.queued.messages();
        for (const auto& lane : node.lanes) paged_out += lane->stream.paged_out_bytes();
    });
    directory.for_each_group([&](Group& group) { paged_out += group.stream.paged_out_bytes(); });
    paged_out += directory.broadcast().stream.paged_out_bytes();
    require(paged_out == router.state().usage.paged_out_bytes(), [&] {
        return text("%zu bytes are paged out, says %zu", paged_out, router.state().usage.paged_out_bytes());
    });
    require(queued == router.state().usage.queued_messages(), "the messages in all mailboxes are counted wrongly");
    require(router.config().durable || total < router.config().memory_budget + kLargest,
            "the memory budget is exceeded");
    check_sessions(router);
}

}  // namespace sim
