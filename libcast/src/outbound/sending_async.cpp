// cast::Node::send_async: sending without waiting. What becomes of it is in pending_sends.cpp. Any thread.
#include "src/node/node_state.hpp"
#include "src/session/session_time.hpp"
#include "wire/record.hpp"

namespace cast {

using detail::Lock;

namespace {

/// Takes the message's targets from `how.first` on as long as there is room; how far it came.
std::size_t take_targets(detail::Link& link, Lock& lock, detail::OutgoingRecord& record,
                         const std::vector<std::string>& targets, SendToken token, const AsyncSend& how) {
    detail::Outbound& outbound = link.session(lock).outbound();
    detail::PendingSends& sends = link.sends(lock);
    const std::size_t size = wire::record_bound(record.type, record.headers, record.payload);
    const bool awaited = how.wait != Wait::none;
    std::size_t at = how.first;
    for (; at < targets.size(); ++at) {
        record.target = targets[at];
        if (!sends.room(outbound, record, size, awaited)) {
            sends.blocked(record, size, awaited, token, at);
            break;
        }
        record.token = awaited ? sends.add(record, size, token, at, record.deadline_us) : 0;
        outbound.add(record, link.outbox(lock));
    }
    return at;
}

}  // namespace

Result<std::size_t> Node::send_async(const Message& message, SendToken token, const AsyncSend& how) {
    if (how.wait == Wait::delivered && message.kind() != CastKind::unicast)
        return Error{ErrorCode::invalid_argument, "only unicasts can wait for delivery"};
    detail::Link& link = *state_->link;
    std::string headers;
    auto record = detail::prepare(*state_, message, how.wait == Wait::delivered ? wire::kWantsDelivered : 0, headers);
    if (!record) return record.error();
    const std::vector<std::string>& targets = detail::targets_of(message);
    if (how.first >= targets.size())
        return Error{ErrorCode::invalid_argument, "there is no recipient " + std::to_string(how.first)};
    Lock lock = link.lock();
    if (link.stopping()) return link.closed();
    if (Error end = state_->ended(); end.code != ErrorCode::ok) return end;
    const std::size_t most = link.session(lock).max_message();
    if (record->payload.size() > most)
        return Error{ErrorCode::too_large,
                     std::to_string(record->payload.size()) + " bytes; the broker takes " + std::to_string(most)};
    const std::int64_t now = link.recent_us(lock);
    record->deadline_us =
        detail::deadline_after(now, how.timeout.count() > 0 ? how.timeout : link.options().send_timeout);
    const std::size_t taken = take_targets(link, lock, *record, targets, token, how);
    if (!link.outbox(lock).frames.empty()) link.session(lock).inbound().ride(now, link.outbox(lock));
    link.carry_out(lock);
    if (link.sends(lock).hurries()) link.wake(lock);  // who drives would look too late
    if (taken == how.first) return Error{ErrorCode::would_block, targets[taken]};
    return taken;
}

}  // namespace cast
