// Scheduled: batches that wait for their time. They are kept by when they are due, and enter their target's stream
// then, as if they had just come. A time follows the wall clock; a delay does not, until the broker ends: a start knows
// wall times alone. A batch leaves here and enters there in one turn, and so in one transaction: a crash neither loses
// nor doubles it. In the store each is a chunk of one hidden stream, $scheduled. Pure; broker's thread.
#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/dead_letters.hpp"
#include "core/group/groups.hpp"
#include "core/mailbox/mailboxes.hpp"
#include "core/session/receipts.hpp"
#include "core/state.hpp"

namespace broker {

/// A batch that waits.
struct ScheduledBatch {
    std::uint64_t due_us = 0;  ///< wall; of a delay by the clock of when it came
    std::uint32_t count = 0;
    std::uint32_t size = 0;         ///< of the frame
    bool saved = false;             ///< a transaction has it
    cast::wire::Slice frame;        ///< empty until it is read back after a start
    std::int64_t mono_us = kNever;  ///< of a delay that this broker took: when it ends, whatever the wall clock says

    /// By the wall clock as it stands now.
    std::uint64_t due_by(Now now) const {
        return mono_us == kNever ? due_us : now.wall_us + static_cast<std::uint64_t>(mono_us - now.mono_us);
    }
};

class Scheduled {
public:
    Scheduled(State& state, Receipts& receipts, Mailboxes& mailboxes, Groups& groups, DeadLetters& dead)
        : state_(state),
          receipts_(receipts),
          mailboxes_(mailboxes),
          groups_(groups),
          dead_(dead),
          usage_(state.usage) {}

    /// ok, or why this batch may not wait here: too far ahead, too many of them, for a hidden node.
    cast::ErrorCode admits(const cast::wire::BatchHeader& header, Now now) const;
    /// Takes an admitted batch; `frame` is as StoredBatch says.
    void append(const cast::wire::BatchHeader& header, cast::wire::Slice frame, Now now);
    /// Lets in what is due. Returns when the next one is.
    std::int64_t tick(Now now, Outbox& outbox);
    /// False when nothing waits under this id (a batch's first sequence in $scheduled).
    bool cancel(Sequence id, Now now);

    StreamId stream() const { return id_; }  ///< 0: nothing ever waited
    std::size_t messages() const { return usage_.messages(); }
    std::size_t bytes() const { return usage_.bytes(); }
    /// visit(id, Late), the next one first; what is not read back yet is not visited. Ends when visit says false.
    template <class Visit>
    void for_each(Now now, Visit&& visit) const {
        for (const auto& [destination, ids] : full_)
            for (const Sequence id : ids)
                if (const auto at = held_.find(id); at != held_.end() && !visit(id, at->second)) return;
        auto timed = due_.begin();
        auto delayed = delayed_.begin();
        while (timed != due_.end() || delayed != delayed_.end()) {
            const bool first = delayed == delayed_.end() ||
                               (timed != due_.end() && timed->first <= held_.at(delayed->second).due_by(now));
            const Sequence id = first ? (timed++)->second : (delayed++)->second;
            if (!visit(id, held_.at(id))) return;
        }
    }
    /// visit(id): those whose time has come, and whose target has no room.
    template <class Visit>
    void for_each_full(Visit&& visit) const {
        for (const auto& [destination, ids] : full_)
            for (const Sequence id : ids) visit(id);
    }
    /// Some are not read back yet.
    bool reading() const { return !unread_.empty(); }

    // --- What the store has to be told, and what it says (core/persistence). --------------------------------------
    bool is(StreamId stream) const { return stream != 0 && stream == id_; }
    /// Returns the last sequence of it.
    Sequence save(Transaction& transaction);
    void restore(const StreamRow& row, const Recovered& recovered, Outbox& outbox);
    void loaded(const Loaded& loaded, Outbox& outbox);
    /// The first batch from here on that is not read yet is damaged: it is let go, and those behind it are read.
    /// Returns how many messages it had.
    std::uint64_t damaged(Sequence from, Outbox& outbox);
    /// The disk does not give that one back, and will be asked again: those behind it are read, and go without it.
    void pass_over(Sequence from, Outbox& outbox);

private:
    using DelayedReceipt = std::map<Sequence, ScheduledBatch>;  // by first sequence
    /// The one in memory that has been due for longest, and for how long: negative while it is not. Id 0: there is
    /// none.
    struct Next {
        std::int64_t over_us = 0;
        Sequence id = 0;
    };
    Next next(Now now) const;
    void unlist(DelayedReceipt::iterator at);
    DelayedReceipt::iterator unread_from(Sequence from);
    void load_from(Sequence from, Outbox& outbox);
    /// False when its target has no room now.
    bool enter(DelayedReceipt::iterator at, Now now, Outbox& outbox);
    /// It can go nowhere: its target is gone (then it becomes a dead letter), or nobody is there who should be.
    void refuse_scheduled(const ScheduledBatch& entry, const cast::wire::BatchHeader& header, cast::ErrorCode code,
                          Now now, Outbox& outbox);
    void retry(Now now, Outbox& outbox);
    void remove(DelayedReceipt::iterator at);
    void touch();
    void answer(const ScheduledBatch& entry, cast::ErrorCode code, Now now);

    State& state_;
    Receipts& receipts_;
    Mailboxes& mailboxes_;
    Groups& groups_;
    DeadLetters& dead_;
    StreamId id_ = 0;  // given out when the first one comes
    Sequence last_ = 0;
    DelayedReceipt held_;
    std::set<std::pair<std::uint64_t, Sequence>> due_;  // those that are in memory and follow the wall clock, by time
    std::set<std::pair<std::int64_t, Sequence>> delayed_;  // the others, by monotonic time
    std::set<std::pair<std::uint64_t, Sequence>> unread_;  // those that are not, and are waited for
    std::map<std::string, std::deque<Sequence>> full_;     // due, but their target is full; by destination_key()
    std::int64_t retry_us_ = kNever;
    Usage usage_;
    bool touched_ = false;  // listed for the next transaction
    std::vector<Sequence> dirty_;
    std::vector<std::pair<Sequence, Sequence>> gone_;  // first and last of those that the store is to erase
};

}  // namespace broker
