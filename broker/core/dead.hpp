// DeadLetters: messages that nobody has handled: expired, refused by their readers, or left in
// the mailbox of a node that is gone. Each is a small stream of its own with one record, so that it may go by itself;
// bounded, the oldest go first; one that is larger than the bound is not kept. All are in memory, and in the store. Pure; broker's thread.
#pragma once
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "core/mailboxes.hpp"
#include "core/state.hpp"
#include "wire/letter.hpp"

namespace broker {

/// A letter for somebody who looks. Views into its frame.
struct DeadView {
    std::uint64_t id = 0;
    std::uint64_t wall_us = 0;  ///< when it died
    cast::wire::Letter letter;
    cast::wire::RecordView message;
};

class DeadLetters {
public:
    explicit DeadLetters(State& state) : state_(state) {}

    /// What the batch holds beyond `cursor`, through `last`, is dead.
    void bury(const StoredBatch& batch, Sequence cursor, std::string_view reason, Now now, Sequence last = ~Sequence{0}, std::string_view detail = {});
    /// Letters from a reader. ok, or why not: then it has the messages still.
    cast::ErrorCode take(const cast::wire::BatchView& batch, Now now);

    std::size_t messages() const { return letters_.size(); }
    std::size_t bytes() const { return bytes_; }
    std::uint64_t buried() const { return buried_; }
    std::uint64_t too_large() const { return too_large_; }  ///< not kept: larger than all together may be
    /// The newest one with a smaller number; nothing when there is none.
    std::optional<DeadView> before(std::uint64_t id) const;
    std::optional<DeadView> view(std::uint64_t id) const;
    /// Puts the message back into its node's mailbox. ok, or why not: then the letter stays.
    cast::ErrorCode requeue(std::uint64_t id, Mailboxes& mailboxes, Now now);
    bool drop(std::uint64_t id);

    // --- The store. ----------------------------------------------------------------------------------------
    bool knows(StreamId stream) const { return streams_.contains(stream); }
    void save(StreamId stream, Transaction& transaction);
    void restore(const StreamRow& row, Outbox& outbox);
    void loaded(const Loaded& loaded);
    /// The disk does not give it back, and will be asked again: nobody waits for it, and it is not shown meanwhile.
    void pass_over(StreamId stream);
    /// Some are still being read from the store.
    bool loading() const { return loading_ > 0; }

private:
    struct Stored {
        StreamId stream = 0;
        cast::wire::Slice frame;  ///< a DELIVER frame of one batch of one record; empty while it is being read
        std::size_t size = 0;
        bool saved = false;
        bool passed_over = false;
    };
    void add(std::string&& frame, Now now);
    void bound();
    std::map<std::uint64_t, Stored>::iterator erase(std::map<std::uint64_t, Stored>::iterator at);

    State& state_;
    std::map<std::uint64_t, Stored> letters_;              ///< by number, which people see
    std::unordered_map<StreamId, std::uint64_t> streams_;  ///< numbers by stream
    std::uint64_t last_ = 0;
    std::size_t bytes_ = 0;
    std::size_t loading_ = 0;
    std::uint64_t buried_ = 0;
    std::uint64_t too_large_ = 0;
};

}  // namespace broker
