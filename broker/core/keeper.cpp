// Transactions out, and what the store read back in. Pure; broker's thread.
#include "core/keeper.hpp"

#include <algorithm>

#include "wire/frame.hpp"

namespace broker {
namespace {

constexpr std::int64_t kLazy = 100 * kMs;         // cursors and the like wait so long for company
constexpr std::int64_t kAskAgain = 200 * kMs;     // for what could not be read
constexpr std::size_t kGroupWarm = 4u << 20;      // bytes of a group that is read which stay in memory, for repairs

std::vector<std::pair<std::string, cast::ErrorCode>> blocked_of(const Session& session) {
    return {session.blocked.begin(), session.blocked.end()};
}

}  // namespace

bool Keeper::wants(Now now, std::int64_t& due_us) const {
    if (state_.unsaved.empty() && state_.uncommitted.empty() && !state_.unsaved.urgent) return false;
    if (state_.unsaved.urgent || !state_.uncommitted.empty() || now.mono_us - collected_us_ >= kLazy) return true;
    due_us = std::min(due_us, collected_us_ + kLazy);
    return false;
}

void Keeper::collect(Transaction& t, Now now) {
    collected_us_ = now.mono_us;
    t.turn = under_way_turn_ = state_.turn;
    t.next_stream = state_.directory.next_stream();
    t.forgetful_epoch = state_.forgetful_epoch;
    collect_nodes(t);
    collect_streams(t);
    collect_sessions(t);
    state_.unsaved.urgent = false;
}

void Keeper::collect_nodes(Transaction& t) {
    for (std::string& name : state_.unsaved.nodes) {
        const Node* node = state_.directory.node(name);
        if (node == nullptr)
            t.nodes_gone.push_back(std::move(name));
        else
            t.nodes.push_back({node->name, node->created, node->port, node->holder});
    }
    for (auto& [name, stream] : state_.unsaved.members) {
        Node* node = state_.directory.node(name);
        Group* group = state_.directory.owner(stream).group;
        Membership* m = node == nullptr || group == nullptr ? nullptr : node->membership(*group);
        if (m == nullptr) {
            t.members_gone.emplace_back(std::move(name), stream);
            continue;
        }
        m->touched = false;
        Sequence cursor = m->cursor;
        if (!m->own && node->connection != nullptr) cursor = std::max(cursor, node->connection->subscriptions.at(stream)->acked);
        const Sequence high = node->connection != nullptr ? group->stream.last() : m->high;
        t.members.push_back({std::move(name), stream, cursor, high});
    }
    state_.unsaved.nodes.clear();
    state_.unsaved.members.clear();
}

void Keeper::collect_streams(Transaction& t) {
    under_way_.clear();
    for (const StreamId id : state_.unsaved.streams) {
        if (dead_.knows(id)) {
            dead_.save(id, t);
            continue;
        }
        const StreamOwner owner = state_.directory.owner(id);
        const auto reaped = state_.reaped.find(id);
        Lane* lane = owner.lane != nullptr ? owner.lane : reaped != state_.reaped.end() ? reaped->second.get() : nullptr;
        if (lane == nullptr && owner.group == nullptr) {
            t.streams_gone.push_back(id);
            continue;
        }
        Stream& stream = lane != nullptr ? lane->stream : owner.group->stream;
        stream.touched = false;
        stream.save(t);
        StreamRow& row = t.streams.emplace_back();
        stream.fill(row);
        if (lane != nullptr) {
            row.kind = static_cast<std::uint8_t>(lane->priority);
            if (lane->node != nullptr) row.owner = lane->node->name;
            row.floor = lane->cursor;
            row.high = lane->high_sent;
        } else {
            row.kind = owner.group->broadcast() ? cast::wire::kBroadcastStream : cast::wire::kGroupStream;
            row.owner = owner.group->name;
            row.created = owner.group->created;
            row.floor = owner.group->floor;
        }
        under_way_.emplace_back(id, stream.saved());
    }
    state_.unsaved.streams.clear();
}

void Keeper::collect_sessions(Transaction& t) {
    for (const SessionId id : state_.unsaved.sessions) {
        Session* session = state_.sessions.session(id);
        if (session == nullptr) {
            t.sessions_gone.push_back(id);
            continue;
        }
        session->touched = false;
        if (!session->known) continue;  // its client has not accepted that its past is gone
        t.sessions.push_back({id, session->through, session->refused, {session->delivered.begin(), session->delivered.end()}, blocked_of(*session)});
    }
    state_.unsaved.sessions.clear();
}

void Keeper::committed(Turn turn) {
    if (under_way_turn_ == 0 || turn < under_way_turn_) return;
    under_way_turn_ = 0;
    for (const auto& [id, through] : under_way_) {
        const StreamOwner owner = state_.directory.owner(id);
        if (owner.lane != nullptr) {
            owner.lane->stream.stored(through);
            cool(*owner.lane);
        } else if (owner.group != nullptr) {
            owner.group->stream.stored(through);
            cool(*owner.group);
        }
    }
    under_way_.clear();
}

/// What the reader will not need soon goes from memory: all of it when there is none.
void Keeper::cool(Lane& lane) {
    Stream& stream = lane.stream;
    const std::size_t before = stream.cold_bytes();
    if (stream.has_cold()) {
        stream.cool(stream.split(), stream.batches());
    } else if (lane.node->connection == nullptr) {
        stream.cool(0, stream.batches());
    } else if (stream.bytes() > 2 * state_.config.reader_window) {
        std::size_t keep = stream.find(lane.sent + 1);
        const std::uint64_t base = stream.front().offset;
        while (keep < stream.batches() && stream[keep].end() - base <= 2 * state_.config.reader_window) ++keep;
        stream.cool(keep, stream.batches());
    }
    state_.cold_bytes += stream.cold_bytes() - before;
}

void Keeper::cool(Group& group) {
    Stream& stream = group.stream;
    const std::size_t before = stream.cold_bytes();
    const std::size_t keep = group.subscriptions.empty() ? 0 : kGroupWarm;
    std::size_t warm = stream.bytes() - before, count = 0;
    while (count < stream.batches() && warm > keep && stream[count].last() <= group.published) {
        if (!stream[count].gone) warm -= stream[count].size;
        ++count;
    }
    if (count > 0) stream.cool(0, count);
    state_.cold_bytes += stream.cold_bytes() - before;
}

void Keeper::loaded(Loaded&& loaded, Now now, Outbox& outbox) {
    if (loaded.look == Load::kExpiry) {
        if (Lane* lane = state_.directory.owner(loaded.stream).lane) mailboxes_.expired_cold(*lane, loaded, now);
        return;
    }
    if (loaded.look != 0) return looking_.loaded(loaded, now, outbox);
    if (dead_.knows(loaded.stream) && !loaded.failed) return dead_.loaded(loaded);
    const StreamOwner owner = state_.directory.owner(loaded.stream);
    const auto reaped = state_.reaped.find(loaded.stream);
    Lane* lane = owner.lane != nullptr ? owner.lane : reaped != state_.reaped.end() ? reaped->second.get() : nullptr;
    if (lane == nullptr && owner.group == nullptr && !dead_.knows(loaded.stream)) return;
    if (loaded.failed) {
        again_.push_back({loaded.stream, loaded.from, state_.config.reader_window / 2});
        again_us_ = std::min(again_us_, now.mono_us + kAskAgain);
        return;
    }
    Stream& stream = lane != nullptr ? lane->stream : owner.group->stream;
    stream.loading = false;
    if (!stream.has_cold() && owner.group == nullptr) return;
    const Sequence begin = lane != nullptr ? stream.cold().front().first : loaded.from;
    const Sequence end = stream.has_cold() ? stream.cold().back().last : stream.first_kept() - 1;
    std::vector<StoredBatch> batches;
    for (const cast::wire::Slice& frame : loaded.frames) {
        const auto view = cast::wire::read_batch(frame.view().substr(cast::wire::kFrameHeader));
        if (!view || view->last_sequence() < begin || view->last_sequence() > end) continue;
        batches.push_back(recall_batch(frame, view->header, now));
    }
    const Sequence through = std::min(loaded.through, end);
    if (lane == nullptr)
        groups_.loaded(*owner.group, batches, loaded.from, through, now, outbox);
    else if (lane->node == nullptr)
        reap(*lane, std::move(batches), through, now, outbox);
    else
        mailboxes_.warm(*lane, std::move(batches), through, now);
}

void Keeper::reap(Lane& lane, std::vector<StoredBatch>&& batches, Sequence through, Now now, Outbox& outbox) {
    Stream& stream = lane.stream;
    for (const StoredBatch& batch : batches)
        if (!stream.known_gone(batch.first)) mailboxes_.drop(lane, batch, now);
    stream.warm(std::move(batches), through);
    while (stream.batches() > 0) stream.pop_front();
    state_.touch(stream);
    if (stream.has_cold()) {
        stream.loading = true;
        outbox.loads.push_back({stream.id(), stream.cold().front().first, state_.config.reader_window / 2});
    } else {
        state_.reaped.erase(stream.id());
    }
}

std::int64_t Keeper::tick(Now now, Outbox& outbox) {
    if (again_us_ > now.mono_us) return again_us_;
    again_us_ = kNever;
    outbox.loads.insert(outbox.loads.end(), again_.begin(), again_.end());
    again_.clear();
    return kNever;
}

}  // namespace broker
