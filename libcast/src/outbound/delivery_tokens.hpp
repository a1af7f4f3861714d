// DeliveryTokens: the outcomes of watched parcels (OutgoingRecord::watch): receipts, and deliveries that come after
// them. A number of the kind kQueued belongs to an asynchronous send: its outcome goes to take(), the others' wait for
// outcome(). It knows nothing of batches' bytes or of full targets. Pure; under the link's lock.
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "wire/messages.hpp"

namespace cast::detail {

class DeliveryTokens {
public:
    using Known = std::pair<std::uint64_t, ErrorCode>;  ///< a watch and its outcome
    static constexpr std::uint64_t kQueued = std::uint64_t{1} << 63;

    void resolve(std::uint64_t token, ErrorCode code);
    /// The broker has taken this batch, whose sender watches no more than that.
    void accepted(std::uint64_t batch, std::uint64_t token);
    /// The broker has taken this batch, whose sender wants to know of its delivery. `fleeting`: the broker keeps it in
    /// memory only, and loses it when it ends.
    void awaits(std::uint64_t batch, std::uint64_t token, bool fleeting);
    /// What the broker tells of deliveries; `seen`: the last batch whose receipt has come.
    void delivered(const std::vector<wire::Outcome>& outcomes, std::uint64_t seen);
    /// The broker began anew: what it had in memory only is gone.
    void restarted();
    /// No word of deliveries comes any more: those that are waited for get this outcome.
    void end(ErrorCode outcome);

    bool outcome(std::uint64_t token, ErrorCode& code);
    bool awaits_delivery(std::uint64_t token) const;
    void forget(std::uint64_t token);
    /// The outcomes of asynchronous sends since the last call.
    std::vector<Known> take() { return std::exchange(queued_, {}); }

private:
    std::unordered_map<std::uint64_t, ErrorCode> outcomes_;         // watched, known
    std::vector<Known> queued_;                                     // of kQueued, known
    std::unordered_map<std::uint64_t, std::uint64_t> undelivered_;  // batch number -> watch
    std::set<std::uint64_t> fleeting_;                              // of those, what the broker has in memory only
    std::unordered_map<std::uint64_t, ErrorCode> delivered_early_;  // told before the receipt
};

}  // namespace cast::detail
