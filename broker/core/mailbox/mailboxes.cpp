// Unicast: into the lane, to the reader, past the cursor. Pure; broker's thread.
#include "core/mailbox/mailboxes.hpp"

#include <algorithm>

#include "core/dead_letters.hpp"
#include "core/mailbox/backpressure.hpp"
#include "core/session/deliver.hpp"

namespace broker {

using cast::ErrorCode;

namespace {

constexpr std::size_t kGapSteps = 4;  // a gap ends the frame before it, and is one

/// What is gone and follows batch `i`, which is gone, too, ends with this one. `i` is then the last such batch.
Sequence last_of_gone(const Stream& stream, std::size_t& i) {
    Sequence last = stream[i].last();
    for (std::size_t n = stream.next(i); n < stream.batches(); n = stream.next(i)) {
        if (!stream[n].gone || stream[n].first != last + 1 || stream.paged_out_at(last + 1)) break;
        last = stream[n].last();
        i = n;
    }
    return last;
}

}  // namespace

ErrorCode Mailboxes::lets_in(const Node& node, const cast::wire::BatchHeader& header) const {
    const Config& c = state_.config;
    if ((header.flags & cast::wire::kAttachedOnly) != 0 && node.connection == nullptr) return ErrorCode::node_absent;
    const bool full = node.queued.messages() >= c.mailbox_messages || node.queued.bytes() >= c.mailbox_bytes;
    return full ? ErrorCode::mailbox_full : ErrorCode::ok;
}

void Mailboxes::append(Node& node, Session* session, const cast::wire::BatchHeader& header, cast::wire::Slice frame,
                       Now now) {
    Lane& lane = state_.directory.lane(node, header.priority, state_.config.backpressure_us);
    const std::size_t size = frame.size();
    if (state_.config.durable) lane.stream.kept = !node.hidden;
    const Sequence first = lane.stream.append(header, std::move(frame), now);
    state_.touch(lane.stream);
    node.received += header.count;
    state_.busiest.grown(node);
    if (header.ttl_ms != 0)
        state_.expiry_queue.add({now.mono_us + std::int64_t(header.ttl_ms) * kMs, lane.stream.id(), first});
    if (node.connection == nullptr) return;
    mark(node);
    state_.live_bytes += size;
    if (session != nullptr && lags(lane) &&
        may_delay_receipts(lane.backpressure, lane.stream.oldest_us(), state_.config, now))
        receipts_.hold(*session, lane.stream.id(), lane.waiting);
}

void Mailboxes::mark(Node& node) {
    if (node.dirty) return;
    node.dirty = true;
    state_.dirty_nodes.push_back(&node);
}

bool Mailboxes::lags(const Lane& lane) const {
    return lane.node->connection != nullptr &&
           (lane.stream.bytes() > state_.config.lag_bytes || lane.stream.batches_held() > state_.config.lag_batches);
}

void Mailboxes::pump(Node& node, Now now, Outbox& outbox) {
    node.dirty = false;
    if (node.connection == nullptr) {
        for (const auto& lane : node.lanes)
            if (lane->stream.has_paged_out() && lane->cursor >= lane->stream.paged_out().front().first)
                ask_store(*lane, outbox);
        return;
    }
    for (const auto& lane : node.lanes) {
        hand_out(*lane, now, outbox);
        if (holds_lower(*lane)) return;
    }
}

/// Lower priorities wait while something of this lane is left to be handed out, also while the store reads it: else the
/// reader would be given them first. They do not wait for what may never come: a chunk that cannot be read, and a
/// transaction of a store that fails.
bool Mailboxes::holds_lower(const Lane& lane) const {
    if (lane.sent == lane.stream.last()) return false;
    if (lane.unreadable && lane.stream.paged_out_at(lane.sent + 1)) return false;
    return lane.decided == 0 || state_.store_healthy;
}

void Mailboxes::unreadable(Lane& lane) {
    lane.unreadable = true;
    mark(*lane.node);
}

void Mailboxes::store_failed(Node& node) {
    const auto waits = [](const auto& lane) { return lane->decided != 0; };
    if (std::any_of(node.lanes.begin(), node.lanes.end(), waits)) mark(node);
}

void Mailboxes::hand_out(Lane& lane, Now now, Outbox& outbox) {
    if (lane.gap_pending && !tell_given_up(lane, outbox)) return;
    const std::size_t window = lane.stream.kept ? state_.little(state_.config.under_way()) : state_.config.under_way();
    const Node& node = *lane.node;
    Stream& stream = lane.stream;
    std::size_t i = stream.batches();
    const Sequence before = lane.sent;
    while (lane.sent < stream.last()) {
        if (lane.sent > before && !state_.may_go_on()) {  // gap after gap
            mark(*lane.node);
            break;
        }
        if (stream.has_paged_out() && ask_store(lane, outbox)) break;
        // The next one mostly lies behind the one before.
        if (i >= stream.batches() || stream[i].first != lane.sent + 1) i = stream.find(lane.sent + 1);
        if (i < stream.batches() && stream[i].ttl_ms != 0) {
            if (!skip_expired(lane, now)) {
                mark(*lane.node);
                break;
            }
            i = stream.find(lane.sent + 1);
        }
        const Sequence upto = stream.missing_upto(lane.sent + 1, i);
        if (upto > lane.sent) {
            begin_gap(lane, outbox);
            send_gaps(state_, stream, lane.sent + 1, upto, node.connection->id, outbox);
            lane.sent = upto;
            state_.budget.spend(kGapSteps);
            continue;
        }
        const StoredBatch& batch = stream[i];
        if (batch.gone) {
            begin_gap(lane, outbox);
            const Sequence last = last_of_gone(stream, i);
            send_gap(state_, stream.id(), {lane.sent + 1, last, cast::wire::GapReason::expired}, node.connection->id,
                     outbox);
            lane.sent = last;
            state_.budget.spend(kGapSteps);
        } else if (lane.exhausted) {
            if (!give_up(lane, i, now) || (lane.gap_pending && !tell_given_up(lane, outbox))) break;
            continue;
        } else {
            const std::uint64_t base = stream.front().offset;
            const bool room = batch.end() - base <= window && stream.before(i) < cast::wire::kReaderBatches;
            if (!room && lane.sent > lane.cursor) break;  // one batch may always be on its way
            lane.announced = true;
            deliver(state_, *node.connection, batch.frame);
            if (batch.last() <= lane.high_sent) state_.statistics.redelivered += batch.count;
            lane.sent = batch.last();
        }
        if (lane.high_sent < lane.sent) {
            lane.high_sent = lane.sent;
            state_.touch(stream);
        }
        i = stream.next(i);
    }
    if (stream.has_paged_out()) ask_store(lane, outbox);
}

bool Mailboxes::ask_store(Lane& lane, Outbox& outbox) {
    Stream& stream = lane.stream;
    const PagedRange& next = stream.paged_out().front();
    const bool here = stream.paged_out_at(lane.sent + 1);
    if (!stream.loading && (here || lane.cursor >= next.first) && !(lane.sent > lane.cursor && state_.tight())) {
        stream.loading = true;
        const std::size_t bytes = state_.little(state_.config.reader_window / 2);
        lane.asked = Asked(state_.asked, std::min(bytes, stream.paged_out_bytes()));
        outbox.loads.push_back(stream.load(next.first, bytes));
    }
    return here;
}

void Mailboxes::page_in(Lane& lane, std::vector<StoredBatch>&& batches, Sequence through, Now now) {
    Stream& stream = lane.stream;
    Node& node = *lane.node;
    lane.unreadable = false;
    for (StoredBatch& batch : batches) {
        const bool known = stream.gaps().knows(batch.first);
        if (known && batch.ttl_ms != 0) batch.gone = true;  // also when the clock was set back
        if (batch.gone) {
            if (!known) end_of_paged_out(lane, batch, now);
            batch.frame = {};
        } else if (batch.ttl_ms != 0) {
            state_.expiry_queue.add_again({batch.runs_out_us(), stream.id(), batch.first});
        }
    }
    stream.page_in(std::move(batches), through);
    state_.touch(stream);
    pass_all(lane, now);
    mark(node);
}

/// A batch that had expired when it was read back; or it was read before that, and only now passed.
void Mailboxes::end_of_paged_out(Lane& lane, const StoredBatch& batch, Now now) {
    const bool was_read = batch.last() <= lane.cursor;
    if (!was_read) {
        state_.statistics.expired += batch.count;
        dead_.bury(batch, lane.cursor, cast::wire::kReasonExpired, now);
    }
    if ((batch.flags & cast::wire::kWantsDelivered) != 0)
        receipts_.delivered(batch.session, batch.number, was_read ? ErrorCode::ok : ErrorCode::expired, now);
}

/// A gap comes in its place among the deliveries, and never as the first word of a lane.
void Mailboxes::begin_gap(Lane& lane, Outbox& outbox) {
    const Node& node = *lane.node;
    flush_deliveries(state_, receipts_, *node.connection, outbox);
    if (lane.announced) return;
    lane.announced = true;
    const cast::wire::StreamInfo info{
        lane.stream.id(), static_cast<std::uint8_t>(lane.priority), {}, announced_cursor(lane), lane.stream.last(), 0};
    outbox.send(node.connection->id, cast::wire::encode(cast::wire::Membership{node.name, true, info}));
}

/// False: what comes next has expired, too, and goes in the next turn.
bool Mailboxes::skip_expired(Lane& lane, Now now) {
    for (;;) {
        const std::size_t i = lane.stream.find(lane.sent + 1);
        if (i >= lane.stream.batches()) return true;
        const StoredBatch& batch = lane.stream[i];
        const bool handed = batch.first <= lane.sent && lane.sent > lane.cursor;
        if (batch.gone || handed || !batch.expired(now.mono_us)) return true;
        if (!state_.may_go_on()) return false;
        state_.budget.spend();
        expire_in_memory(lane, batch.first, now);
    }
}

void Mailboxes::ack(Lane& lane, Sequence sequence, Now now) {
    sequence = std::min(sequence, lane.sent);
    if (sequence <= lane.cursor) {
        if (sequence == lane.cursor && !lane.gap_pending) lane.stream.forget_gaps(sequence);
        return;
    }
    lane.cursor = sequence;
    lane.delivery_attempts = 0;
    lane.exhausted = lane.had_unacked = false;
    lane.backpressure.advanced_us = now.mono_us;
    state_.touch(lane.stream);
    pass_all(lane, now);
    lane.stream.forget_gaps(lane.cursor);
    if (lane.sent < lane.stream.last() || lane.stream.has_paged_out()) mark(*lane.node);
    if (!lane.waiting.empty() || lane.backpressure.charged_us != 0 || lane.cursor == lane.stream.last())
        review(lane, now);
}

void Mailboxes::pass_all(Lane& lane, Now now) {
    while (lane.stream.front_in_memory() && lane.stream.front().last() <= lane.cursor) {
        StoredBatch batch = lane.stream.pop_front();
        if (!batch.gone) pass(lane, batch, now);
    }
}

void Mailboxes::pass(Lane& lane, StoredBatch& batch, Now now) {
    Node& node = *lane.node;
    if (batch.given_up) return;
    node.acknowledged += batch.count;
    state_.statistics.flow.messages_out += batch.count;
    state_.statistics.latency_us.add(
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.mono_us - batch.arrival_us)));
    if ((batch.flags & cast::wire::kWantsDelivered) != 0)
        receipts_.delivered(batch.session, batch.number, ErrorCode::ok, now);
    if (state_.config.history_messages != 0 && !node.hidden)
        state_.history.keep(node, std::move(batch.frame), batch.count, state_.config);
}

void Mailboxes::review(Lane& lane, Now now) {
    if (lags(lane) && may_delay_receipts(lane.backpressure, lane.stream.oldest_us(), state_.config, now)) return;
    stop_delaying(lane.backpressure, lane.cursor == lane.stream.last(), state_.config, now);
    if (!lane.waiting.empty()) receipts_.release(lane.stream.id(), lane.waiting, now);
}

void Mailboxes::open(Lane& lane, const cast::wire::Position* position, int ago, bool same, Now now) {
    lane.sent = lane.cursor;
    lane.exhausted = lane.gap_pending = false;
    if (position != nullptr && ago > 0 && position->received > lane.cursor)
        position = nullptr;  // of another life of this node
    if (position != nullptr) {
        const Sequence known = lane.stream.last(ago);
        const Sequence had = ago > 0 ? position->acked : position->received;
        lane.sent = std::clamp(had, lane.cursor, std::max(lane.cursor, known));
        ack(lane, position->acked, now);
    }
    count_going(lane, same);
    lane.backpressure.advanced_us = now.mono_us;
}

void Mailboxes::close(Lane& lane, Now now) {
    const Sequence was_sent = lane.sent;
    lane.had_unacked = lane.had_unacked || was_sent > lane.cursor;
    lane.sent = lane.cursor;
    lane.announced = false;
    stop_delaying(lane.backpressure, false, state_.config, now);
    if (!lane.waiting.empty()) receipts_.release(lane.stream.id(), lane.waiting, now);
    // What ran out of its time while the reader had it; what this turn is too short for goes on with the next.
    Again again{lane.stream.id(), lane.cursor + 1, was_sent};
    if (!scan_again(lane, again, now)) again_.push_back(again);
    if (lane.stream.batches() > 0) state_.touch(lane.stream);  // with the next transaction it leaves memory, too
}

void Mailboxes::disown(Lane& lane, Now now) {
    close(lane, now);
    state_.touch(lane.stream);
    lane.stream.orphan();
}

}  // namespace broker
