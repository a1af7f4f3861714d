// Outbound: the sending half of a session. Collects records into one open batch per target, seals and numbers
// batches, keeps them until they are receipted, sends again what a reconnect or a full target demands.
// Pure: time comes from outside, frames go into a ClientOutbox. Under the link's lock.
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/outbound/delivery_tokens.hpp"
#include "src/outbound/plain_batch.hpp"
#include "src/session/outbox.hpp"
#include "wire/batch.hpp"
#include "wire/messages.hpp"
#include "wire/record.hpp"

namespace cast::detail {

struct Attachment;

/// One record to one target, and how it travels.
struct OutgoingRecord {
    wire::Cast cast = wire::Cast::unicast;
    std::string_view sender;
    const Attachment* from = nullptr;  ///< the sender's hold, if it has one: when that has ended, nothing is sent
    std::string_view target;
    std::string_view type;
    std::string_view headers;  ///< encoded
    std::string_view payload;
    std::uint8_t priority = wire::kDefaultPriority;
    std::uint8_t flags = 0;
    std::uint32_t ttl_ms = 0;
    std::uint64_t due_us = 0;      ///< with wire::kScheduled: as the header's arrival says it
    std::int64_t deadline_us = 0;  ///< until then a full target is tried again; 0: as Options::send_timeout says
    bool plain = false;            ///< its sender tries plain() first
    std::uint64_t token = 0;       ///< not 0: report its outcome under this number; it gets a batch of its own
};

class Outbound {
public:
    explicit Outbound(std::uint64_t session) : session_(session) {}

    std::uint64_t session() const { return session_; }
    /// Whether a record of so many bytes to this target may be added now. `queued`: PendingSends counts its bytes.
    bool room(wire::Cast cast, std::string_view target, std::size_t bytes, bool queued = false) const;
    bool window_has(std::size_t bytes) const;  ///< the same, as far as no target matters
    /// Adds a record to the open batch that was added to last, if it belongs there and nothing has to be sent now:
    /// the way of most records of a burst.
    bool add_more(const OutgoingRecord& record);
    /// The same for a plain text (no headers, ttl or flags, default priority), and the shortest way that a record has:
    /// without the link's lock. `sender` and `target` may not be valid names: then they are not those of the open
    /// batch.
    PlainBatch& plain() { return plain_; }
    /// Adds a record; sends what the gate lets go.
    void add(const OutgoingRecord& record, ClientOutbox& out);
    /// Seals and sends all open batches now.
    void push(ClientOutbox& out);

    // --- The senders' life. ------------------------------------------------------------------------------
    /// This node is ours no more: what it has sent and the broker does not take as its word gets this code. No record
    /// is added without the lock any more until one of another node was.
    void lost(const std::string& sender, ErrorCode why);
    void found(const std::string& sender) { lost_.erase(sender); }  ///< attached anew, or forgotten
    /// Nothing is added any more, also not without the lock.
    void end() { close_plain(); }

    // --- The connection's life. --------------------------------------------------------------------------
    void online(ClientOutbox& out);  ///< frames may leave; sends all unreceipted batches again
    void offline() { online_ = false; }
    void window(std::size_t bytes, std::size_t batches);
    /// The broker does not know the session: everything unreceipted gets this outcome; a new id is used.
    void restart(std::uint64_t session, ErrorCode outcome, ClientOutbox& out);
    /// Another broker answers, that has nothing of what was said: what is unreceipted goes out again under its numbers.
    void forgotten();
    /// The broker began anew with what it had kept: what it had only in memory, mail for $reply. nodes, is gone.
    void restarted() { tokens_.restarted(); }
    void receipt(std::uint64_t through, const std::vector<wire::Outcome>& refused, std::int64_t now_us,
                 ClientOutbox& out);
    void receipt_low(std::uint32_t through_low, std::int64_t now_us, ClientOutbox& out);
    void delivered(const std::vector<wire::Outcome>& outcomes) { tokens_.delivered(outcomes, seen_); }
    /// Retries at full targets. Returns the next deadline (INT64_MAX: none).
    std::int64_t tick(std::int64_t now_us, ClientOutbox& out);

    /// The last batch whose outcome is known.
    std::uint64_t seen() const { return seen_; }
    /// Batches are on their way and none of them asks for its receipt at once.
    bool unasked() const { return !unreceipted_.empty() && asked_ != unreceipted_.back().number; }
    bool anything_sent() const { return next_number_ > 1; }

    // --- Waiting. ----------------------------------------------------------------------------------------
    std::uint64_t added() const { return added_ + plain_.written().count; }  ///< records ever added
    bool settled(std::uint64_t added) const;  ///< all records up to that count have their outcome
    /// The first refusal since the last call; ok when none.
    ErrorCode take_refusal(std::string& target);
    /// The outcome of a watched parcel once it is known. `forget` gives up on it.
    bool outcome(std::uint64_t token, ErrorCode& code) { return tokens_.outcome(token, code); }
    void forget(std::uint64_t token);
    /// The broker has taken this watched parcel, and its reader has not acknowledged it yet.
    bool awaits_delivery(std::uint64_t token) const { return tokens_.awaits_delivery(token); }
    DeliveryTokens& tokens() { return tokens_; }
    /// Takes a watched parcel back that waits at a full target: it will not be sent. Why it waited, or ok: it does not.
    ErrorCode withdraw(std::uint64_t token);

private:
    struct Batch {
        std::shared_ptr<std::string> bytes;  // a CAST frame: frame header, batch header, records
        std::uint64_t number = 0;            // 0: not sealed yet
        std::uint64_t oldest = 0;            // `added` of its first record
        std::uint32_t count = 0;
        std::uint8_t flags = 0;
        std::int64_t deadline_us = 0;
        std::uint64_t token = 0;
        wire::Cast cast = wire::Cast::unicast;
        std::uint8_t priority = 0;
        std::uint32_t ttl_ms = 0;
        std::uint64_t due_us = 0;
        std::string target;
        std::string sender;

        std::string destination() const { return destination_key(cast, target); }
        std::size_t counted() const { return (token & DeliveryTokens::kQueued) != 0 ? 0 : bytes->size(); }
    };
    struct Full {  // a target that refuses for being full; until all that was sent to it has its outcome
        std::deque<Batch> parked;  // oldest first
        std::size_t bytes = 0;
        ErrorCode code = ErrorCode::mailbox_full;  // the last refusal
        std::uint64_t first_tried = 0;             // numbers of the batches that are trying; 0: none
        std::uint64_t last_tried = 0;
        std::int64_t retry_us = 0;
        std::int64_t wait_us = 0;  // 0: the last try went well
    };
    /// The key of what may be full: a node and a group of one name are two.
    static std::string destination_key(wire::Cast cast, std::string_view target) {
        std::string destination(1, static_cast<char>(cast));
        return destination.append(target);
    }
    using FullAt = std::map<std::string, Full, std::less<>>::iterator;

    struct Entry {  // a target's open batch, kept for its next one
        Batch batch;
        std::size_t hint = 256;  // bytes that its last batch took
    };

    bool gate_open() const;
    void open_plain(Batch& batch);
    void close_plain();
    static bool belongs(const Batch& batch, const OutgoingRecord& record);
    Entry& entry(const OutgoingRecord& record, ClientOutbox& out);
    void begin(Entry& entry, const OutgoingRecord& record);
    void seal(Entry& entry);
    void number(Batch&& batch, bool resume);
    void emit(ClientOutbox& out);
    void settle(Batch&& batch, ErrorCode code, std::int64_t now_us, ClientOutbox& out);
    void refused(Batch&& batch, ErrorCode code, std::int64_t now_us, ClientOutbox& out);
    ErrorCode why_not_attached(const Batch& batch) const;
    void fail(const Batch& batch, ErrorCode code, ClientOutbox& out);
    void park(Batch&& batch, Full& full);
    Batch unpark(Full& full);
    void go_on(FullAt at);
    void give_up(Full& full, std::int64_t now_us, ClientOutbox& out);
    bool on_its_way(const std::string& destination) const;
    void leave_out(Batch& batch);

    std::uint64_t session_;
    std::uint64_t next_number_ = 1;
    std::uint64_t seen_ = 0;
    std::uint64_t asked_ = 0;    // the last batch that asks for a receipt
    std::uint64_t emitted_ = 0;  // the last batch given to this connection
    bool online_ = false;
    bool burst_ = false;  // the gate has closed; it opens once everything is receipted
    std::size_t window_bytes_ = wire::kSenderWindow;
    std::size_t window_batches_ = wire::kSenderBatches;

    std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;
    std::vector<Entry*> open_;  // those with records, oldest first
    Entry* last_ = nullptr;     // the one added to last
    PlainBatch plain_;
    Batch* plain_of_ = nullptr;  // the open batch while plain_ is open; the bytes after it are its string's, but unused
    std::string key_;            // buffer of entry()
    std::size_t open_bytes_ = 0;
    std::deque<Batch> unreceipted_;
    std::size_t unreceipted_bytes_ = 0;
    std::map<std::string, Full> full_;                    // by way
    std::size_t parked_bytes_ = 0;                        // without those of asynchronous sends
    std::map<std::string, ErrorCode, std::less<>> lost_;  // senders that are ours no more, and why
    std::set<std::string> resume_;                        // ways whose parked batches gave up: the next one resumes

    std::uint64_t added_ = 0;
    ErrorCode refusal_ = ErrorCode::ok;
    std::string refusal_target_;
    DeliveryTokens tokens_;
};

}  // namespace cast::detail
