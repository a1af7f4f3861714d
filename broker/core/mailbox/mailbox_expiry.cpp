// What runs out of its time in a mailbox: in memory at once; in the store it is read first, for its dead letter and its
// sender. Pure; broker's thread.
#include <algorithm>

#include "core/dead_letters.hpp"
#include "core/mailbox/mailboxes.hpp"

namespace broker {

using cast::ErrorCode;

namespace {

constexpr std::size_t kExpiryRead = 256u << 10;  // bytes that are read at once where much has expired; else one chunk

/// It is on its way to a reader, or the reader has it; not where the cursor stands amid a batch and nothing was handed
/// out.
bool held(const Lane& lane, Sequence sequence) {
    return lane.node->connection != nullptr && lane.sent > lane.cursor && sequence <= lane.sent;
}

}  // namespace

void Mailboxes::expire(Lane& lane, const Expiry& due, Now now, Outbox& outbox) {
    if (due.last == 0) expire_in_memory(lane, due.first, now);
    if (lane.stream.has_paged_out()) expire_paged_out(lane, due, now, outbox);
}

void Mailboxes::expire_in_memory(Lane& lane, Sequence first, Now now) {
    const std::size_t i = lane.stream.find(first);
    if (i >= lane.stream.batches() || lane.stream[i].first != first) return;
    const StoredBatch& batch = lane.stream[i];
    if (batch.gone) return;
    // It came when the clock that is set said something else.
    if (!batch.expired(now.mono_us))
        return state_.expiry_queue.add_again({batch.runs_out_us(), lane.stream.id(), first});
    if (held(lane, first)) return;  // close() looks again
    state_.touch(lane.stream);
    state_.statistics.expired += batch.count;
    if ((batch.flags & cast::wire::kWantsDelivered) != 0)
        receipts_.delivered(batch.session, batch.number, ErrorCode::expired, now);
    if (!lane.node->hidden) dead_.bury(batch, lane.cursor, cast::wire::kReasonExpired, now);
    lane.stream.expire(i);
}

bool Mailboxes::scan_again(Lane& lane, Again& again, Now now) {
    constexpr std::size_t kScansAStep = 8;  // at what has not expired, in the time of a step
    for (std::size_t browse_answers = 1; again.next <= again.last; ++browse_answers) {
        if (lane.stream.paged_out_at(again.next)) {
            const Sequence last = std::min(again.last, lane.stream.paged_out().back().last);
            state_.expiry_queue.add_again({now.mono_us, again.stream, again.next, last});
            again.next = last + 1;
            continue;
        }
        const std::size_t i = lane.stream.find(again.next);
        if (i >= lane.stream.batches()) return true;
        if (browse_answers > 1 && !state_.may_go_on()) return false;
        const StoredBatch& batch = lane.stream[i];
        const bool expired = !batch.gone && batch.expired(now.mono_us) && batch.first <= again.last;
        state_.budget.spend(expired || browse_answers % kScansAStep == 0 ? 1 : 0);
        const Sequence first = batch.first;
        again.next = batch.last() + 1;
        if (expired) expire_in_memory(lane, first, now);
    }
    return true;
}

void Mailboxes::go_on(Now now) {
    for (; !again_.empty() && state_.may_go_on(); again_.pop_front()) {
        Lane* lane = state_.directory.owner(again_.front().stream).lane;
        if (lane != nullptr && lane->node != nullptr && !scan_again(*lane, again_.front(), now)) return;
    }
}

/// Where all that is meant is gone, read, or in memory (where each has an entry of its own) nothing is to be done.
void Mailboxes::expire_paged_out(Lane& lane, const Expiry& due, Now now, Outbox& outbox) {
    Stream& stream = lane.stream;
    const Sequence last = std::max(due.first, due.last);
    const Sequence first = stream.gaps().past(std::max(due.first, lane.cursor + 1));
    if (first > last || !stream.paged_out_at(first)) return;
    if (!stream.gaps().room_for_expired(first))
        return;  // its reader, or whoever looks there, will find that it has expired
    if (held(lane, first)) return state_.expiry_queue.add({now.mono_us + kSecond, due.stream, due.first, due.last});
    if (!state_.expiry_scanner.begin(due)) return;
    outbox.loads.push_back(
        stream.load(first, state_.expiry_scanner.many(due.stream, first) ? kExpiryRead : 1, Load::kExpiry));
}

bool Mailboxes::read_expired(Loaded& loaded, Now now, Outbox& outbox) {
    ExpiryScanner& reads = state_.expiry_scanner;
    Lane* lane = state_.directory.owner(loaded.stream).lane;
    const Expiry* due = reads.reading(loaded.stream);
    if (lane != nullptr && due != nullptr && !expire_read(*lane, *due, loaded, now)) return false;
    reads.finish(loaded.stream, loaded.failed ? 0 : loaded.through);
    read_more_expired(now, outbox);
    return true;
}

void Mailboxes::read_more_expired(Now now, Outbox& outbox) {
    while (state_.may_go_on()) {
        const auto next = state_.expiry_scanner.next();
        if (!next) return;
        state_.budget.spend();
        if (Lane* lane = state_.directory.owner(next->stream).lane) expire(*lane, *next, now, outbox);
    }
}

/// Whatever else has expired in it goes, too.
bool Mailboxes::expire_read(Lane& lane, const Expiry& due, Loaded& loaded, Now now) {
    Stream& stream = lane.stream;
    Expiry next{loaded.failed && !loaded.corrupt ? now.mono_us + kSecond : kNever, due.stream, due.first, due.last};
    std::size_t at = 0;
    for (; at < loaded.frames.size() && (at == 0 || state_.may_go_on()); ++at) {
        state_.budget.spend();
        const cast::wire::Slice& frame = loaded.frames[at];
        const auto view = cast::wire::read_batch(frame.view().substr(cast::wire::kFrameHeader));
        if (!view || !stream.paged_out_at(view->header.sequence) || !stream.paged_out_at(view->last_sequence()))
            continue;
        const StoredBatch batch = recall_batch(frame, view->header, now);
        if (batch.ttl_ms == 0 || batch.last() <= lane.cursor || stream.gaps().knows(batch.first)) continue;
        if (!batch.gone || held(lane, batch.last())) {
            const bool meant = due.last == 0 ? batch.first == due.first : batch.last() <= due.last;
            if (meant) next.at_us = std::min(next.at_us, batch.gone ? now.mono_us + kSecond : batch.runs_out_us());
            continue;
        }
        if (!stream.gaps().room_for_expired(batch.first)) continue;
        stream.expire_paged_out(batch);
        state_.touch(stream);
        end_of_paged_out(lane, batch, now);
        mark(*lane.node);  // its reader may be waiting for just that, and hears of the gap instead
    }
    if (next.at_us != kNever) state_.expiry_queue.add_again(next);
    loaded.frames.erase(loaded.frames.begin(), loaded.frames.begin() + static_cast<std::ptrdiff_t>(at));
    return loaded.frames.empty();
}

}  // namespace broker
