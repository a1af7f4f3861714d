// The outcomes of watched parcels; see delivery_tokens.hpp. Under the link's lock.
#include "src/outbound/delivery_tokens.hpp"

#include <algorithm>

namespace cast::detail {

void DeliveryTokens::resolve(std::uint64_t token, ErrorCode code) {
    if ((token & kQueued) != 0)
        queued_.emplace_back(token, code);
    else
        outcomes_[token] = code;
}

void DeliveryTokens::accepted(std::uint64_t batch, std::uint64_t token) {
    delivered_early_.erase(batch);
    resolve(token, ErrorCode::ok);
}

void DeliveryTokens::awaits(std::uint64_t batch, std::uint64_t token, bool fleeting) {
    if (const auto early = delivered_early_.extract(batch); !early.empty()) return resolve(token, early.mapped());
    undelivered_[batch] = token;
    if (fleeting) fleeting_.insert(batch);
}

void DeliveryTokens::delivered(const std::vector<wire::Outcome>& outcomes, std::uint64_t seen) {
    for (const wire::Outcome& o : outcomes) {
        const auto at = undelivered_.find(o.number);
        if (at == undelivered_.end()) {
            if (o.number > seen) delivered_early_.try_emplace(o.number, o.code);
            continue;
        }
        resolve(at->second, o.code);
        fleeting_.erase(o.number);
        undelivered_.erase(at);
    }
}

void DeliveryTokens::restarted() {
    for (const std::uint64_t number : fleeting_)
        if (const auto at = undelivered_.find(number); at != undelivered_.end()) {
            resolve(at->second, ErrorCode::deleted);
            undelivered_.erase(at);
        }
    fleeting_.clear();
}

void DeliveryTokens::end(ErrorCode outcome) {
    for (const auto& [batch, token] : undelivered_) resolve(token, outcome);
    undelivered_.clear();
    fleeting_.clear();
    delivered_early_.clear();
}

bool DeliveryTokens::outcome(std::uint64_t token, ErrorCode& code) {
    const auto at = outcomes_.find(token);
    if (at == outcomes_.end()) return false;
    code = at->second;
    outcomes_.erase(at);
    return true;
}

bool DeliveryTokens::awaits_delivery(std::uint64_t token) const {
    return std::any_of(undelivered_.begin(), undelivered_.end(),
                       [token](const auto& entry) { return entry.second == token; });
}

void DeliveryTokens::forget(std::uint64_t token) {
    outcomes_.erase(token);
    std::erase_if(undelivered_, [token](const auto& entry) { return entry.second == token; });
}

}  // namespace cast::detail
