// The asynchronous sends without an outcome; see pending_sends.hpp. Under the link's lock.
#include "src/outbound/pending_sends.hpp"

#include <algorithm>
#include <iterator>

namespace cast::detail {

/// A number to watch a parcel by (OutgoingRecord::watch).
std::uint64_t next_token();

bool PendingSends::room(const Outbound& outbound, const OutgoingRecord& record, std::size_t bytes, bool awaited) const {
    return (!awaited || fits(bytes)) && outbound.room(record.cast, record.target, bytes, awaited);
}

void PendingSends::blocked(const OutgoingRecord& record, std::size_t bytes, bool awaited, SendToken token,
                           std::size_t recipient) {
    const auto [at, first] = blocked_.try_emplace({record.cast, std::string(record.target)});
    if (first || bytes < at->second.bytes) at->second = {bytes, awaited, token, recipient};
}

std::uint64_t PendingSends::add(const OutgoingRecord& record, std::size_t bytes, SendToken token, std::size_t recipient,
                                std::int64_t deadline_us) {
    const std::uint64_t delivery_token = next_token() | DeliveryTokens::kQueued;
    const bool delivery = (record.flags & wire::kWantsDelivered) != 0;
    pending_[delivery_token] = {token, recipient, std::string(record.target), bytes, deadline_us, delivery};
    deadlines_.emplace(deadline_us, delivery_token);
    bytes_ += bytes;
    return delivery_token;
}

void PendingSends::finish(PendingAt at, ErrorCode code, std::deque<Outcome>& out) {
    Pending& p = at->second;
    const auto good = p.delivery ? Outcome::Kind::delivered : Outcome::Kind::accepted;
    out.push_back(
        {p.token, code == ErrorCode::ok ? good : Outcome::Kind::refused, code, p.recipient, std::move(p.target)});
    bytes_ -= p.bytes;
    deadlines_.erase({p.deadline_us, at->first});
    pending_.erase(at);
}

void PendingSends::settle(Outbound& outbound, std::deque<Outcome>& out) {
    for (const auto& [delivery_token, code] : outbound.tokens().take())
        if (const auto at = pending_.find(delivery_token); at != pending_.end()) finish(at, code, out);
}

void PendingSends::collect_some(Outbound& outbound, std::deque<Outcome>& out) {
    std::move(over_.begin(), over_.end(), std::back_inserter(out));
    over_.clear();
    settle(outbound, out);
    if (blocked_.empty() || !outbound.window_has(0)) return;
    std::erase_if(blocked_, [&](const auto& entry) {
        const auto& [key, b] = entry;
        const bool free = (!b.awaited || fits(b.bytes)) && outbound.room(key.first, key.second, b.bytes, b.awaited);
        if (free) out.push_back({b.token, Outcome::Kind::room, ErrorCode::ok, b.recipient, key.second});
        return free;
    });
}

std::int64_t PendingSends::tick(std::int64_t now_us, ErrorCode overdue, Outbound& outbound) {
    if (pending_.empty()) return announced_us_ = kForever;
    settle(outbound, over_);  // what is known is not late
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_us) {
        const std::uint64_t delivery_token = deadlines_.begin()->second;
        const ErrorCode full = outbound.withdraw(delivery_token);
        outbound.forget(delivery_token);
        finish(pending_.find(delivery_token), full != ErrorCode::ok ? full : overdue, over_);
    }
    return announced_us_ = deadlines_.empty() ? kForever : deadlines_.begin()->first;
}

void PendingSends::end(ErrorCode code, std::deque<Outcome>& out) {
    std::move(over_.begin(), over_.end(), std::back_inserter(out));
    over_.clear();
    while (!pending_.empty()) finish(pending_.begin(), code, out);
    for (const auto& [key, b] : blocked_)
        out.push_back({b.token, Outcome::Kind::room, ErrorCode::ok, b.recipient, key.second});
    blocked_.clear();
}

}  // namespace cast::detail
