// Letting mail go, batch by batch from the front. Pure; broker's thread.
#include "core/mailbox/reaper.hpp"

#include <utility>

namespace broker {

using cast::ErrorCode;

void Reaper::take(std::vector<std::unique_ptr<Lane>>&& lanes, bool hidden, Now now, Outbox& outbox) {
    StreamId next = 0;
    for (auto at = lanes.rbegin(); at != lanes.rend(); ++at) {
        const StreamId id = (*at)->stream.id();
        state_.directory.disown(id);
        (*at)->node = nullptr;
        state_.orphaned_lanes[id] = {std::move(*at), next, hidden, false};
        next = id;
    }
    if (next == 0) return;
    ready_.push_back(next);
    go_on(now, outbox);
}

void Reaper::restore(std::unique_ptr<Lane> lane, Outbox& outbox) {
    const StreamId id = lane->stream.id();
    load(state_.orphaned_lanes[id] = {std::move(lane), 0, false, false}, outbox);
}

void Reaper::go_on(Now now, Outbox& outbox) {
    while (!ready_.empty()) {
        OrphanedLane& orphan = state_.orphaned_lanes.at(ready_.front());
        if (!go_on(orphan, now, outbox)) return;
        ready_.pop_front();
        if (!orphan.lane->stream.has_paged_out()) end(orphan);
    }
}

/// What is in memory before the part that the store alone has. False: the rest of it goes in the next turn.
bool Reaper::go_on(OrphanedLane& orphan, Now now, Outbox& outbox) {
    Stream& stream = orphan.lane->stream;
    for (bool once = true; stream.front_in_memory(); once = false) {
        if (!once && !state_.may_go_on()) return false;
        state_.budget.spend();
        state_.touch(stream);
        const StoredBatch batch = stream.pop_front();
        if (batch.gone) continue;
        drop(orphan, batch, now);
    }
    if (stream.has_paged_out()) load(orphan, outbox);
    return true;
}

void Reaper::load(OrphanedLane& orphan, Outbox& outbox) const {
    Stream& stream = orphan.lane->stream;
    orphan.reading = true;
    if (std::exchange(stream.loading, true)) return;  // a reader had asked
    outbox.loads.push_back(stream.load(stream.paged_out().front().first, state_.config.reader_window / 2));
}

void Reaper::end(OrphanedLane& orphan) {
    state_.touch(orphan.lane->stream);
    const StreamId next = orphan.next;
    state_.orphaned_lanes.erase(orphan.lane->stream.id());
    if (next != 0) ready_.push_back(next);
}

void Reaper::read(Lane& lane, std::vector<StoredBatch>&& batches, Sequence through, bool whole, Now now,
                  Outbox& outbox) {
    Stream& stream = lane.stream;
    OrphanedLane& orphan = state_.orphaned_lanes.at(stream.id());
    for (const StoredBatch& batch : batches) {
        state_.budget.spend();
        if (stream.gaps().knows(batch.first)) continue;
        drop(orphan, batch, now);
    }
    const std::size_t count = batches.size();
    stream.page_in(std::move(batches), through);
    for (std::size_t i = 0; i < count && stream.front_in_memory() && stream.front().last() <= through; ++i)
        stream.pop_front();
    state_.touch(stream);
    if (!whole) return;
    orphan.reading = false;
    if (stream.has_paged_out())
        load(orphan, outbox);
    else
        ready_.push_back(stream.id());
    go_on(now, outbox);
}

void Reaper::drop(const OrphanedLane& orphan, const StoredBatch& batch, Now now) {
    const Lane& lane = *orphan.lane;
    const bool purged = lane.cursor >= lane.stream.last(), was_read = batch.last() <= lane.cursor && !purged;
    if (!was_read && !orphan.hidden) state_.statistics.discarded += batch.count;
    if (!was_read && !orphan.hidden && !purged)
        dead_.bury(batch, lane.cursor, batch.gone ? cast::wire::kReasonExpired : cast::wire::kReasonDeleted, now);
    if ((batch.flags & cast::wire::kWantsDelivered) == 0) return;
    receipts_.delivered(batch.session, batch.number, was_read ? ErrorCode::ok : ErrorCode::deleted, now);
}

}  // namespace broker
