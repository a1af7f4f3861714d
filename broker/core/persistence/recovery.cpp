// The state anew from the rows of a store. Pure; broker's thread, once at the start.
#include "core/persistence/recovery.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "wire/names.hpp"

namespace broker {
namespace {

constexpr std::int64_t kLongestTtl = (std::int64_t{1} << 32) * kMs;
constexpr std::int64_t kClockWrong =
    60 * kSecond;  // it has not been set yet, or had not been when the mail came: look then

/// How many of its numbers are gone.
std::uint64_t gone_in(const PagedRange& range, const std::vector<GoneRange>& gone) {
    std::uint64_t count = 0;
    auto at = std::lower_bound(gone.begin(), gone.end(), range.first,
                               [](const GoneRange& g, Sequence s) { return g.to < s; });
    for (; at != gone.end() && at->from <= range.last; ++at)
        count += std::min(at->to, range.last) - std::max(at->from, range.first) + 1;
    return count;
}

/// Makes the sum what the row says: too much is taken from the oldest.
void settle(std::vector<PagedRange>& paged_out, std::uint64_t PagedRange::*part, std::uint64_t sum) {
    std::uint64_t all = 0;
    for (const PagedRange& range : paged_out) all += range.*part;
    if (all < sum) paged_out.back().*part += sum - all;
    for (PagedRange& range : paged_out) {
        const std::uint64_t much = std::min(all - std::min(all, sum), range.*part);
        range.*part -= much;
        all -= much;
    }
}

/// A chunk stays while any of it is kept, with what has expired amid it, and the first one with what was let go.
void trim(std::vector<PagedRange>& paged_out, const StreamRow& row) {
    if (paged_out.empty()) return;
    paged_out.front().first = std::max(paged_out.front().first, row.passed + 1);
    for (PagedRange& range : paged_out) {
        const std::uint64_t had_unacked = range.messages - std::min(range.messages, gone_in(range, row.gone));
        if (range.messages > 0) range.bytes = range.bytes * had_unacked / range.messages;
        range.messages = had_unacked;
    }
    settle(paged_out, &PagedRange::messages, row.messages);
    settle(paged_out, &PagedRange::bytes, row.bytes);
}

}  // namespace

void Recovery::restore(const Recovered& recovered, Now now, Outbox& outbox) {
    state_.forgetful_epoch = recovered.forgetful_epoch;
    // Sessions were dropped in time, and by what clients are told now they would still be here.
    const bool longer =
        recovered.session_us != 0 && recovered.session_us < static_cast<std::uint64_t>(state_.config.session_us);
    if (longer && state_.forgetful_epoch == 0) state_.forgetful_epoch = state_.config.epoch - 1;
    state_.restored_us = now.mono_us;
    restore_nodes(recovered, now);
    restore_streams(recovered, now, outbox);
    restore_members(recovered);
    restore_expiry_queue(recovered, now);
    restore_sessions(recovered, now);
    state_.mark_persisted();
}

void Recovery::restore_nodes(const Recovered& recovered, Now now) {
    Directory& directory = state_.directory;
    for (const NodeRow& row : recovered.nodes) {
        if (directory.node(row.name) != nullptr) continue;
        Node& node = directory.add_node(row.name, false);
        directory.set_created(node, row.created);
        directory.set_port(node, row.port);
        if (row.created) continue;
        node.holder = row.holder != 0 ? row.holder : 1;  // its program has the grace time to come back
        node.lost_us = now.mono_us;
        state_.orphans.insert(&node);
    }
}

void Recovery::restore_streams(const Recovered& recovered, Now now, Outbox& outbox) {
    std::map<StreamId, std::vector<PagedRange>> paged_out;
    for (const ChunkRow& chunk : recovered.group_chunks) {
        const auto age_us = std::max<std::int64_t>(0, static_cast<std::int64_t>(now.wall_us - chunk.arrival_us));
        paged_out[chunk.stream].push_back({chunk.first, chunk.last, chunk.messages, chunk.bytes, now.mono_us - age_us});
    }
    for (const StreamRow& row : recovered.streams) {
        if (row.kind == kScheduledStream)
            scheduled_.restore(row, recovered, outbox);
        else if (row.kind == kDeadLetterStream)
            dead_.restore(row, outbox);
        else if (row.kind < cast::wire::kPriorities)
            restore_lane(row, recovered.clean, now, outbox);
        else
            restore_group(row, recovered.clean, std::move(paged_out[row.id]));
    }
}

void Recovery::restore_lane(const StreamRow& row, bool clean, Now now, Outbox& outbox) {
    Node* node = state_.directory.node(row.owner);
    if (node != nullptr) {
        Lane& lane = state_.directory.lane(*node, row.kind, state_.config.backpressure_us, row.id);
        fill(lane, row, clean, now);
        const Stream& stream = lane.stream;
        if (stream.has_paged_out() && stream.paged_out().front().first <= lane.cursor)
            outbox.loads.push_back(stream.load(row.passed + 1, state_.config.reader_window / 2));
        return;
    }
    auto orphan = std::make_unique<Lane>(row.id, state_.usage);
    fill(*orphan, row, clean, now);
    if (orphan->stream.has_paged_out())
        reaper_.restore(std::move(orphan), outbox);
    else
        state_.dirty.streams.push_back(row.id);  // nobody's: it is gone
}

void Recovery::fill(Lane& lane, const StreamRow& row, bool clean, Now now) {
    std::vector<PagedRange> paged_out;
    if (row.passed < row.last) paged_out = {{row.passed + 1, row.last, row.messages, row.bytes, now.mono_us}};
    lane.stream.restore(row, std::move(paged_out));
    lane.cursor = lane.sent = row.floor;
    lane.priority = row.kind;
    lane.delivery_attempts = row.delivery_attempts;
    // After a crash nobody knows what readers had; and the row is to say so, whatever end comes next. It is also to say
    // what this broker began with, for readers that come back only to the next one.
    lane.high_sent = clean ? row.high : row.last;
    const bool known = lane.high_sent == row.high && row.began == row.last;
    if (!clean && !known && lane.cursor < row.last) state_.touch(lane.stream);
}

void Recovery::restore_group(const StreamRow& row, bool clean, std::vector<PagedRange> paged_out) {
    Directory& directory = state_.directory;
    Group& group =
        row.kind == cast::wire::kBroadcastStream ? directory.broadcast() : directory.add_group(row.owner, row.id);
    if (row.created) group.created = true;
    // Chunks in the store may reach below what all have read.
    while (!paged_out.empty() && paged_out.front().last <= row.passed) paged_out.erase(paged_out.begin());
    trim(paged_out, row);
    group.stream.restore(row, std::move(paged_out));
    if (!clean && row.began != row.last && !group.stream.empty()) state_.touch(group.stream);
    group.published = row.last;
    group.floor = row.floor;
}

void Recovery::restore_members(const Recovered& recovered) {
    for (const MemberRow& row : recovered.members) {
        Node* node = state_.directory.node(row.node);
        Group* group = state_.directory.owner(row.stream).group;
        if (node == nullptr || group == nullptr || node->membership(*group) != nullptr) continue;
        Membership m;
        m.group = group;
        m.cursor = std::clamp(row.cursor, group->floor, std::max(group->floor, group->stream.last()));
        m.high = recovered.clean ? row.high : group->stream.last();
        if (m.high != row.high && m.cursor < group->stream.last()) state_.touch(*node, m);
        node->add_membership(m);
        ++group->member_count;
        if (!group->broadcast()) group->members.insert(node);
        if (!group->broadcast()) ++state_.memberships;
        group->absent.add(m.cursor);
    }
}

void Recovery::restore_sessions(const Recovered& recovered, Now now) {
    for (const SessionRow& row : recovered.sessions) {
        Session& session = state_.sessions.add_session(row.id);
        session.through = session.committed = session.receipted = row.through;
        session.known = true;
        session.secret = row.secret;
        session.refused = row.refused;
        for (const cast::wire::Outcome& outcome : row.delivered) session.delivered.push_back({outcome, 0});
        for (const auto& [destination, code] : row.blocked) session.blocked[destination] = code;
        state_.sessions.mark_away(session, now.mono_us);
    }
}

/// An entry a chunk, at the time when the first of its batches runs out; then it is read, and the next one's time is
/// the entry's.
void Recovery::restore_expiry_queue(const Recovered& recovered, Now now) {
    for (const ExpiryRow& row : recovered.expiry_queue) {
        const Lane* lane = state_.directory.owner(row.stream).lane;
        if (lane == nullptr) continue;  // of a node that is gone: it is being read
        if (lane->stream.gaps().past(std::max(row.first, lane->cursor + 1)) > row.last) continue;
        auto left_us = static_cast<std::int64_t>(row.at_us - now.wall_us);
        if (left_us > kLongestTtl) left_us = kClockWrong;
        state_.expiry_queue.add({now.mono_us + left_us, row.stream, row.first, row.last});
    }
}

}  // namespace broker
