// The outcomes of watched parcels; see watches.hpp. Under the link's lock.
#include "src/watches.hpp"

#include <algorithm>

namespace cast::detail {

void Watches::resolve(std::uint64_t watch, ErrorCode code) {
    if ((watch & kQueued) != 0)
        queued_.emplace_back(watch, code);
    else
        outcomes_[watch] = code;
}

void Watches::accepted(std::uint64_t batch, std::uint64_t watch) {
    delivered_early_.erase(batch);
    resolve(watch, ErrorCode::ok);
}

void Watches::awaits(std::uint64_t batch, std::uint64_t watch, bool fleeting) {
    if (const auto early = delivered_early_.extract(batch); !early.empty()) return resolve(watch, early.mapped());
    undelivered_[batch] = watch;
    if (fleeting) fleeting_.insert(batch);
}

void Watches::delivered(const std::vector<wire::Outcome>& outcomes, std::uint64_t seen) {
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

void Watches::restarted() {
    for (const std::uint64_t number : fleeting_)
        if (const auto at = undelivered_.find(number); at != undelivered_.end()) {
            resolve(at->second, ErrorCode::deleted);
            undelivered_.erase(at);
        }
    fleeting_.clear();
}

void Watches::end(ErrorCode outcome) {
    for (const auto& [batch, watch] : undelivered_) resolve(watch, outcome);
    undelivered_.clear();
    fleeting_.clear();
    delivered_early_.clear();
}

bool Watches::outcome(std::uint64_t watch, ErrorCode& code) {
    const auto at = outcomes_.find(watch);
    if (at == outcomes_.end()) return false;
    code = at->second;
    outcomes_.erase(at);
    return true;
}

bool Watches::awaits_delivery(std::uint64_t watch) const {
    return std::any_of(undelivered_.begin(), undelivered_.end(),
                       [watch](const auto& entry) { return entry.second == watch; });
}

void Watches::forget(std::uint64_t watch) {
    outcomes_.erase(watch);
    std::erase_if(undelivered_, [watch](const auto& entry) { return entry.second == watch; });
}

}  // namespace cast::detail
