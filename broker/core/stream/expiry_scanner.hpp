// ExpiryScanner: reads of the store because something there has run out of its time: one a stream and few at once, for
// readers' loads wait behind them. What is due meanwhile waits here, in order. Plain state; broker's thread.
#pragma once
#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>

#include "core/stream/expiry_queue.hpp"
#include "core/types.hpp"

namespace broker {

class ExpiryScanner {
public:
    /// True: it is to be read for now, and finish() is told of the answer. False: next() will bring it back.
    bool begin(const Expiry& expiry) {
        const auto at = reads_.find(expiry.stream);
        if (at != reads_.end() && at->second.reading) {
            at->second.behind.push_back(expiry);
            return false;
        }
        if (at == reads_.end() && reads_.size() >= kAtOnce) {
            waiting_.push_back(expiry);
            return false;
        }
        Read& read = at != reads_.end() ? at->second : reads_[expiry.stream];
        read.entry = expiry;
        read.reading = true;
        return true;
    }
    /// It is worth to read far from here: more of this stream is due, and the read before did not come so far.
    bool many(StreamId stream, Sequence from) const {
        const auto at = reads_.find(stream);
        return at != reads_.end() && !at->second.behind.empty() && from > at->second.through;
    }
    /// What this stream is being read for; null: it is not.
    const Expiry* reading(StreamId stream) const {
        const auto at = reads_.find(stream);
        return at == reads_.end() || !at->second.reading ? nullptr : &at->second.entry;
    }
    /// The answer for this stream is here, and reaches through there.
    void finish(StreamId stream, Sequence through) {
        const auto at = reads_.find(stream);
        if (at == reads_.end() || !at->second.reading) return;
        at->second.reading = false;
        at->second.through = std::max(at->second.through, through);
        finished_.push_back(stream);
    }
    /// After finish(), until there is none: what waited and is to be tried again, first of the same stream.
    std::optional<Expiry> next() {
        for (; !finished_.empty(); finished_.pop_front()) {
            const auto at = reads_.find(finished_.front());
            if (at == reads_.end() || at->second.reading) continue;
            if (!at->second.behind.empty()) return take(at->second.behind);
            reads_.erase(at);
        }
        if (reads_.size() >= kAtOnce || waiting_.empty()) return std::nullopt;
        return take(waiting_);
    }
    bool has_next() const { return !finished_.empty() || (!waiting_.empty() && reads_.size() < kAtOnce); }

private:
    static constexpr std::size_t kAtOnce = 64;
    struct Read {
        Expiry entry;
        bool reading = false;
        Sequence through = 0;  ///< of the reads so far
        std::deque<Expiry> behind;
    };
    static Expiry take(std::deque<Expiry>& from) {
        const Expiry expiry = from.front();
        from.pop_front();
        return expiry;
    }
    std::unordered_map<StreamId, Read> reads_;
    std::deque<StreamId> finished_;  ///< read, and what waited behind that is not tried again yet
    std::deque<Expiry> waiting_;     ///< of streams that are not being read
};

}  // namespace broker
