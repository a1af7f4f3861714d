// The link, the other half: what its nodes do over it: sending, waiting for receipts, management calls.
#include "src/connection/link.hpp"
#include "src/session/session_time.hpp"
#include "wire/dead_letter.hpp"
#include "wire/names.hpp"
#include "wire/record.hpp"

namespace cast::detail {

[[gnu::noinline]] Result<void> Link::send_plain_slowly(wire::Cast cast, const Attachment& from, std::string_view target,
                                                       std::string_view payload) {
    OutgoingRecord record;
    record.cast = cast;
    record.sender = from.inbox.name;
    record.from = &from;
    record.target = target;
    record.payload = payload;
    record.plain = true;
    return send(record);
}

/// The connection or the sender's hold: nothing is sent any more.
bool Link::has_ended(const OutgoingRecord& record) const {
    return stop_ || (record.from != nullptr && record.from->inbox.closed != ErrorCode::ok);
}

Error Link::ended(const OutgoingRecord& record) const {
    if (stop_) return closed();
    return {record.from->inbox.closed, record.from->inbox.name};
}

Result<void> Link::send(const OutgoingRecord& given) {
    Lock lock(mutex_);
    if (has_ended(given)) return ended(given);
    const bool may = given.payload.size() <= session_.max_message();
    // Another thread was at it, or it has been opened since.
    if (may && given.plain &&
        session_.outbound().plain().add_in_turn(given.cast, given.sender, given.target, given.payload))
        return {};
    if (may && session_.outbound().add_more(given)) return {};
    if (given.cast != wire::Cast::broadcast && !wire::valid_name(given.target) && !wire::reserved_name(given.target))
        return Error{ErrorCode::invalid_name, "'" + std::string(given.target) + "'"};
    const std::size_t size = wire::record_bound(given.type, given.headers, given.payload);
    // A letter wraps a whole record.
    const std::size_t more = given.target == wire::kDeadLetters ? wire::kRecordOverhead - wire::kDeadLetterOverhead : 0;
    if (given.payload.size() > session_.max_message() + more)
        return Error{ErrorCode::too_large, std::to_string(given.payload.size()) + " bytes; the broker takes " +
                                               std::to_string(session_.max_message())};
    Outbound& outbound = session_.outbound();
    if (!outbound.room(given.cast, given.target, size)) {
        if (options_.when_full == WhenFull::refuse) return ErrorCode::would_block;
        const std::int64_t until = deadline_us(options_.send_timeout);
        auto over = [&] { return has_ended(given) || outbound.room(given.cast, given.target, size); };
        const bool in_time = wait(lock, until, over);
        if (has_ended(given)) return ended(given);
        if (!in_time) return Error{session_.overdue(), "no room in the send window"};
    }
    OutgoingRecord record = given;
    const std::int64_t now = recent_us(lock);
    if (record.deadline_us == 0) record.deadline_us = deadline_after(now, options_.send_timeout);
    outbound.add(record, out_);
    if (!out_.frames.empty()) {
        session_.inbound().ride(now, out_);
        flush_out();
    }
    return {};
}

Result<void> Link::settle(Lock& lock, std::uint64_t added, std::int64_t until_us) {
    if (stop_) return closed();
    Outbound& outbound = session_.outbound();
    outbound.push(out_);
    session_.hurry(now_us(), out_);
    carry_out(lock);
    const bool settled = wait(lock, until_us, [&] { return outbound.settled(added); });
    if (options_.on_refused && std::this_thread::get_id() != thread_.get_id())  // told before we answer
        wait(lock, until_us, [&] { return pending_callbacks_.refusals.empty() && !telling_; });
    std::string target;
    const ErrorCode refusal = outbound.take_refusal(target);
    if (refusal != ErrorCode::ok) return Error{refusal, target};
    if (!settled && stop_) return closed();
    if (!settled) return Error{session_.overdue(), "not every message has its receipt; it may still be taken"};
    return {};
}

Result<std::string> Link::call(std::string json, std::int64_t until_us) {
    Lock lock(mutex_);
    if (stop_) return closed();
    const std::uint32_t request = session_.call(std::move(json), false, out_);
    carry_out(lock);
    Call* call = nullptr;
    const bool answered = wait(lock, until_us, [&] { return (call = session_.answered(request)) != nullptr; });
    Result<std::string> result = stop_               ? closed()
                                 : session_.online() ? Error{ErrorCode::timed_out, url()}
                                                     : unreachable();
    if (answered && call->code == ErrorCode::ok)
        result = std::move(call->answer);
    else if (answered)
        result = Error{call->code, call->answer};
    session_.drop(request);
    return result;
}

}  // namespace cast::detail
