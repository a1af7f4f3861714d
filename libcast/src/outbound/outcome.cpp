// Outbound, the other half: what becomes of batches: receipts, refusals, retries at full targets. Pure; under the
// link's lock.
#include <algorithm>
#include <limits>

#include "src/outbound/outbound.hpp"
#include "src/session/session_time.hpp"
#include "wire/frame.hpp"
#include "wire/names.hpp"
#include "wire/record.hpp"

namespace cast::detail {
namespace {

bool may_retry(ErrorCode code) {  // not those that are final
    return code == ErrorCode::mailbox_full || code == ErrorCode::group_busy || code == ErrorCode::store_failed;
}

}  // namespace

void Outbound::receipt_low(std::uint32_t low, std::int64_t now_us, ClientOutbox& out) {
    const auto ahead = static_cast<std::int32_t>(low - static_cast<std::uint32_t>(seen_));
    if (ahead > 0) receipt(seen_ + static_cast<std::uint64_t>(ahead), {}, now_us, out);
}

void Outbound::receipt(std::uint64_t through, const std::vector<wire::Outcome>& refused, std::int64_t now_us,
                       ClientOutbox& out) {
    close_plain();
    auto next_refused = refused.begin();
    while (!unreceipted_.empty() && unreceipted_.front().number <= through) {
        Batch batch = std::move(unreceipted_.front());
        unreceipted_.pop_front();
        unreceipted_bytes_ -= batch.bytes->size();
        while (next_refused != refused.end() && next_refused->number < batch.number) ++next_refused;
        const bool is_refused = next_refused != refused.end() && next_refused->number == batch.number;
        settle(std::move(batch), is_refused ? next_refused->code : ErrorCode::ok, now_us, out);
    }
    seen_ = std::max(seen_, std::min(through, next_number_ - 1));
    if (unreceipted_.empty() && open_.empty()) burst_ = false;
    if (!open_.empty() && gate_open())
        push(out);
    else
        emit(out);
}

void Outbound::settle(Batch&& batch, ErrorCode code, std::int64_t now_us, ClientOutbox& out) {
    if (batch.count == 0) return;  // left out
    if (may_retry(code)) return refused(std::move(batch), code, now_us, out);
    code = wire::plain_code(code);
    if (code == ErrorCode::not_attached) code = why_not_attached(batch);
    if (code != ErrorCode::ok) fail(batch, code, out);
    if (code == ErrorCode::ok && batch.token != 0) {
        if ((batch.flags & wire::kWantsDelivered) == 0)
            tokens_.accepted(batch.number, batch.token);
        else
            tokens_.awaits(batch.number, batch.token, wire::reserved_name(batch.target));
    }
    if (full_.empty()) return;
    const auto full = full_.find(batch.destination());
    if (full != full_.end() && full->second.last_tried == batch.number) go_on(full);
}

/// The target is full: from now on all that goes to it waits behind this batch.
void Outbound::refused(Batch&& batch, ErrorCode code, std::int64_t now_us, ClientOutbox& out) {
    Full& full = full_[batch.destination()];
    full.code = code;
    if (full.wait_us == 0 || full.last_tried == batch.number) {  // the first of them, or the one that tried in vain
        full.first_tried = full.last_tried = 0;
        full.wait_us = full.wait_us == 0 ? kRetryFirst : std::min(full.wait_us * 2, kRetryMost);
        full.retry_us = now_us + full.wait_us;
    }
    if (batch.deadline_us > now_us)
        park(std::move(batch), full);
    else
        fail(batch, code, out);
}

void Outbound::lost(const std::string& sender, ErrorCode why) {
    close_plain();
    lost_[sender] = why;
}

/// It was sent while its node was lost and we did not know it yet.
ErrorCode Outbound::why_not_attached(const Batch& batch) const {
    if (lost_.empty()) return ErrorCode::not_attached;
    const auto view = wire::read_batch(std::string_view(*batch.bytes).substr(wire::kFrameHeader));
    const auto at = view ? lost_.find(view->header.sender) : lost_.end();
    return at != lost_.end() ? at->second : ErrorCode::not_attached;
}

void Outbound::fail(const Batch& batch, ErrorCode code, ClientOutbox& out) {
    if (batch.token != 0) {
        tokens_.resolve(batch.token, code);
        return;
    }
    if (refusal_ == ErrorCode::ok) {
        refusal_ = code;
        refusal_target_ = batch.target;
    }
    out.refusals.push_back({code, batch.target, batch.count});
}

void Outbound::park(Batch&& batch, Full& full) {
    full.bytes += batch.bytes->size();
    parked_bytes_ += batch.counted();
    // Batches refused together come back in order; one that tried goes back to the front.
    const auto at =
        std::find_if(full.parked.rbegin(), full.parked.rend(), [&](const Batch& b) { return b.oldest < batch.oldest; });
    full.parked.insert(at.base(), std::move(batch));
}

Outbound::Batch Outbound::unpark(Full& full) {
    Batch batch = std::move(full.parked.front());
    full.parked.pop_front();
    full.bytes -= batch.bytes->size();
    parked_bytes_ -= batch.counted();
    // Another frame may still hold these bytes, and they are about to change.
    if (batch.bytes.use_count() > 1) batch.bytes = std::make_shared<std::string>(*batch.bytes);
    return batch;
}

/// Those that tried were not refused for being full: the way is free for what waits behind them, a window at a time.
void Outbound::go_on(FullAt at) {
    Full& full = at->second;
    full.first_tried = next_number_;
    full.wait_us = 0;
    while (!full.parked.empty() &&
           (unreceipted_bytes_ == 0 || unreceipted_bytes_ + full.parked.front().bytes->size() <= window_bytes_)) {
        full.last_tried = next_number_;
        number(unpark(full), false);
    }
    if (full.parked.empty()) full_.erase(at);
}

void Outbound::give_up(Full& full, std::int64_t now_us, ClientOutbox& out) {
    while (full.last_tried == 0 && !full.parked.empty() && full.parked.front().deadline_us <= now_us)
        fail(unpark(full), full.code, out);
}

ErrorCode Outbound::withdraw(std::uint64_t token) {
    for (auto& [destination, full] : full_) {
        const auto at =
            std::find_if(full.parked.begin(), full.parked.end(), [token](const Batch& b) { return b.token == token; });
        if (at == full.parked.end()) continue;
        full.bytes -= at->bytes->size();
        parked_bytes_ -= at->counted();
        full.parked.erase(at);
        return full.code;
    }
    return ErrorCode::ok;
}

bool Outbound::on_its_way(const std::string& destination) const {
    return std::any_of(unreceipted_.begin(), unreceipted_.end(),
                       [&destination](const Batch& b) { return b.count != 0 && b.destination() == destination; });
}

std::int64_t Outbound::tick(std::int64_t now_us, ClientOutbox& out) {
    std::int64_t next = kForever;
    for (auto at = full_.begin(); at != full_.end();) {
        Full& full = at->second;
        give_up(full, now_us, out);
        // What is still on its way was refused too and comes back to its place; nothing may overtake it.
        const bool idle = full.last_tried == 0 && !on_its_way(at->first);
        if (idle && full.parked.empty()) {
            resume_.insert(at->first);  // the next record on this way says resume by itself
            at = full_.erase(at);
            continue;
        }
        if (idle && online_ && full.retry_us <= now_us) {
            full.first_tried = full.last_tried = next_number_;
            number(unpark(full), true);
        } else if (!full.parked.empty() && full.last_tried == 0) {
            const std::int64_t retry_us = idle && online_ ? full.retry_us : kForever;
            next = std::min({next, retry_us, full.parked.front().deadline_us});
        }
        ++at;
    }
    emit(out);
    return next;
}

/// The broker refused this batch already, or would have: an empty one that nobody sends fills its number.
void Outbound::leave_out(Batch& batch) {
    Batch filler;
    filler.number = batch.number;
    filler.oldest = std::numeric_limits<std::uint64_t>::max();
    filler.bytes = std::make_shared<std::string>();
    wire::begin_frame(*filler.bytes, wire::Verb::cast);
    wire::BatchHeader h;
    h.session = session_;
    h.target = wire::kNobodyName;
    h.sender = wire::kNobodyName;
    wire::begin_batch(*filler.bytes, h);
    wire::append_record(*filler.bytes, "text", {}, {});
    wire::seal_batch(*filler.bytes, wire::kFrameHeader, filler.number, 1, 0);
    unreceipted_bytes_ += filler.bytes->size();
    unreceipted_bytes_ -= batch.bytes->size();
    Full& full = full_.find(batch.destination())->second;
    park(std::exchange(batch, std::move(filler)), full);
}

void Outbound::forgotten() {
    tokens_.end(ErrorCode::session_expired);
    if (full_.empty()) return;
    // The old broker refused these without our knowing; the new one would take them before those that wait.
    for (Batch& batch : unreceipted_) {
        const auto at = batch.count == 0 ? full_.end() : full_.find(batch.destination());
        if (at != full_.end() && (at->second.last_tried == 0 || batch.number < at->second.first_tried))
            leave_out(batch);
    }
}

void Outbound::restart(std::uint64_t session, ErrorCode outcome, ClientOutbox& out) {
    close_plain();
    session_ = session;
    next_number_ = 1;
    seen_ = asked_ = emitted_ = 0;
    std::deque<Batch> lost;
    lost.swap(unreceipted_);
    unreceipted_bytes_ = 0;
    for (const Batch& batch : lost)
        if (batch.count != 0) fail(batch, outcome, out);
    tokens_.end(outcome);
    // What was never sent carries the old session's id in its header: give it the new one.
    auto rename = [session](Batch& b) {
        if (b.bytes.use_count() > 1) b.bytes = std::make_shared<std::string>(*b.bytes);
        wire::claim_batch(b.bytes->data() + wire::kFrameHeader, session);
    };
    for (Entry* e : open_) rename(e->batch);
    for (auto& [destination, full] : full_) {
        full.first_tried = full.last_tried = 0;
        for (Batch& b : full.parked) rename(b);
    }
}

}  // namespace cast::detail
