// DeadLetters: messages that nobody has handled: expired, refused by their readers, or left in
// the mailbox of a node that is gone. Each is a small stream of its own with one record, so that it may go by itself;
// bounded, the oldest go first; one that is larger than the bound is not kept. All are in memory, and in the store, but
// for those that go before the next transaction: of them the store hears nothing. Pure; broker's thread.
#pragma once
#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/mailbox/mailboxes.hpp"
#include "core/persistence/dirty_set.hpp"
#include "core/turn_budget.hpp"
#include "wire/dead_letter.hpp"

namespace broker {

/// A letter for somebody who looks. Views into its frame.
struct DeadLetterView {
    std::uint64_t id = 0;
    std::uint64_t wall_us = 0;  ///< when it died
    cast::wire::DeadLetterEnvelope letter;
    cast::wire::RecordView message;
};

class DeadLetters {
public:
    DeadLetters(const Config& config, Directory& directory, TurnBudget& budget, DirtySet& dirty)
        : config_(config), directory_(directory), budget_(budget), dirty_(dirty) {}

    /// What the batch holds beyond `cursor`, through `last`, is dead. Of a large one the letters are cut out in steps,
    /// or, if newer ones push them out before that, never; whoever looks at letters or saves them has them cut at once.
    void bury(const StoredBatch& batch, Sequence cursor, std::string_view reason, Now now, Sequence last = ~Sequence{0},
              std::string_view detail = {});
    /// Cuts so many at most.
    void cut(std::size_t most);
    bool settled() const { return uncut_.empty(); }
    /// Letters from a reader. ok, or why not: then it has the messages still.
    cast::ErrorCode take(const cast::wire::BatchView& batch, Now now);

    /// Lets go of the oldest of what is beyond the limits, at most so many; true: there are more.
    bool trim(int most);

    std::size_t messages() const {
        if (settled()) return letters_.size();
        return std::min<std::size_t>(letters_.size() + certain_, config_.dead_letter_messages);
    }
    std::size_t bytes() const { return bytes_; }  ///< of those that are cut
    std::uint64_t buried() const { return buried_; }
    std::uint64_t too_large() const { return too_large_; }  ///< not kept: larger than all together may be
    std::uint64_t dropped() const { return dropped_; }      ///< had to make room for newer ones
    /// The newest one with a smaller number; nothing when there is none.
    std::optional<DeadLetterView> before(std::uint64_t id);
    /// The oldest one with a larger number, in the same way.
    std::optional<DeadLetterView> after(std::uint64_t id);
    std::uint64_t newest() { return settle(), letters_.empty() ? 0 : letters_.rbegin()->first; }
    std::optional<DeadLetterView> view(std::uint64_t id) const;
    /// Puts the message back into its node's mailbox. ok, or why not: then the letter stays.
    cast::ErrorCode requeue(std::uint64_t id, Mailboxes& mailboxes, Now now);
    bool drop(std::uint64_t id);

    // --- The store. ----------------------------------------------------------------------------------------
    bool knows(StreamId stream) const { return streams_.contains(stream); }
    void save(Transaction& transaction);
    void restore(const StreamRow& row, Outbox& outbox);
    void loaded(const Loaded& loaded);
    /// It cannot be read any more: it is dropped.
    void lost(StreamId stream);
    /// It could not be read. It is asked for again later, stays hidden until then, and nobody waits for it.
    void pass_over(StreamId stream);
    /// Some are still being read from the store.
    bool loading() const { return loading_ > 0; }

private:
    struct Stored {
        StreamId stream = 0;
        cast::wire::Slice frame;  ///< a DELIVER frame of one batch of one record; empty while it is being read
        std::size_t size = 0;
        std::uint64_t dead_at_us = 0;  ///< wall
        bool passed_over = false;
    };
    struct Uncut {  ///< a batch whose letters are still to be cut out
        cast::wire::Slice frame;
        std::string headers;  ///< of each
        Sequence next = 0;    ///< its record begins at the offset
        Sequence cursor = 0;  ///< no letters are made of those up to here
        Sequence last = 0;
        std::size_t offset = 0;
        bool certain = false;  ///< none is too large
        Now died;
        std::uint64_t count() const { return last - cursor; }
    };
    void settle() { cut(~std::size_t{0}); }
    void leave_out();
    void pop_uncut();
    void cut_out(const std::string& begin, const std::string& headers, std::string_view record, Now died);
    void add(std::string&& frame, Now now);
    void bound();
    std::map<std::uint64_t, Stored>::iterator erase(std::map<std::uint64_t, Stored>::iterator at);

    const Config& config_;
    Directory& directory_;
    TurnBudget& budget_;
    DirtySet& dirty_;
    std::map<std::uint64_t, Stored> letters_;              ///< by number, which people see
    std::unordered_map<StreamId, std::uint64_t> streams_;  ///< numbers by stream
    std::deque<Uncut> uncut_;                              ///< the oldest first
    std::size_t uncut_bytes_ = 0;
    std::uint64_t certain_ = 0;  ///< letters that will come of them
    std::uint64_t last_ = 0;
    std::uint64_t saved_ = 0;     ///< letters up to this number were handed to a transaction, or came from the store
    std::vector<StreamId> gone_;  ///< those of them that have gone since
    std::size_t bytes_ = 0;
    std::size_t loading_ = 0;
    std::uint64_t buried_ = 0;
    std::uint64_t too_large_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace broker
