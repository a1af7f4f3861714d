// PendingSends: the asynchronous sends of a connection that have no outcome yet, and the targets that a program was
// told to come back for (would_block). It gives each its outcome, at the latest when its time is over. The batches
// themselves are Outbound's. Under the link's lock; time comes from outside.
#pragma once
#include <cast/outcome.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "src/outbound/outbound.hpp"
#include "src/session/session_time.hpp"

namespace cast::detail {

class PendingSends {
public:
    static constexpr std::size_t kBytes = std::size_t{64} << 20;  ///< of all that have no outcome

    /// Whether this parcel may be added, so many bytes as it takes at most. `watched`: an outcome is wanted; others are
    /// not counted here.
    bool room(const Outbound& outbound, const OutgoingRecord& record, std::size_t bytes, bool awaited) const;
    /// It may not: when it may, an outcome says so.
    void blocked(const OutgoingRecord& record, std::size_t bytes, bool awaited, SendToken token, std::size_t recipient);
    /// A watched parcel that is about to be added. Answers the number to watch it by.
    std::uint64_t add(const OutgoingRecord& record, std::size_t bytes, SendToken token, std::size_t recipient,
                      std::int64_t deadline_us);
    /// Takes the outcomes that are known, and says which targets have room again.
    void collect(Outbound& outbound, std::deque<Outcome>& out) {
        if (!pending_.empty() || !blocked_.empty() || !over_.empty()) collect_some(outbound, out);
    }
    /// Those whose time is over are taken back; what is on its way gets `late`. Returns the next deadline.
    std::int64_t tick(std::int64_t now_us, ErrorCode overdue, Outbound& outbound);
    /// There is a deadline before the one that tick() told last: it is to be called earlier. True once for each.
    bool hurries() {
        if (deadlines_.empty() || deadlines_.begin()->first >= announced_us_) return false;
        announced_us_ = deadlines_.begin()->first;
        return true;
    }
    /// The connection has ended: this is the outcome of them all.
    void end(ErrorCode code, std::deque<Outcome>& out);

private:
    struct Pending {
        SendToken token = 0;
        std::size_t recipient = 0;
        std::string target;
        std::size_t bytes = 0;
        std::int64_t deadline_us = 0;
        bool delivery = false;  // its outcome is the delivery
    };
    struct Blocked {
        std::size_t bytes = 0;
        bool awaited = true;
        SendToken token = 0;
        std::size_t recipient = 0;
    };
    bool fits(std::size_t bytes) const { return bytes_ == 0 || bytes_ + bytes <= kBytes; }
    using PendingAt = std::map<std::uint64_t, Pending>::iterator;

    void collect_some(Outbound& outbound, std::deque<Outcome>& out);
    void settle(Outbound& outbound, std::deque<Outcome>& out);
    void finish(PendingAt at, ErrorCode code, std::deque<Outcome>& out);

    std::map<std::uint64_t, Pending> pending_;                    // by watch: in the order of sending
    std::set<std::pair<std::int64_t, std::uint64_t>> deadlines_;  // of those, with the watch
    std::map<std::pair<wire::Cast, std::string>, Blocked> blocked_;
    std::deque<Outcome> over_;  // found by tick(), for collect()
    std::size_t bytes_ = 0;
    std::int64_t announced_us_ = kForever;
};

}  // namespace cast::detail
