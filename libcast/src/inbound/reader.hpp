// Reader: the receiving side of one node as the program sees it: takes items from the node's inbox, walks through
// their records, acknowledges what was handled. One thread at a time: it has the node's turn (turn.hpp).
#pragma once
#include <atomic>
#include <cast/message.hpp>
#include <cast/result.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "src/connection/link.hpp"

namespace cast::detail {

class Reader {
public:
    Reader(std::shared_ptr<Link> link, std::shared_ptr<Attachment> node, bool manual_ack)
        : link_(std::move(link)), node_(std::move(node)), manual_(manual_ack) {}

    /// Points `message` at the next record, waiting until the deadline (0: not at all). The one before counts as
    /// handled.
    ErrorCode next(Message& message, std::int64_t until_us);
    /// The next record of the item at hand only; never waits, takes no lock.
    bool next_here(Message& message);
    /// All records given out so far are handled.
    void handled() {
        if (!manual_ && holds_) item_.reading->done.store(sequence_, std::memory_order_release);
    }
    /// The same, and what was asked for meanwhile is acknowledged; and for a while after a node is attached what was
    /// redelivered, before the next one is given out: so the broker knows which message its reader dies of.
    void handled_carefully() {
        handled();
        if (asked_.load(std::memory_order_relaxed) != 0) ack_asked();
        if (redelivered_ && index_ > 0 && left_ > 0 && careful()) ack();
    }
    /// manual_ack: acknowledges all that were given out.
    void ack() { ack(kAll); }
    /// manual_ack: acknowledges the first `count` of those that were given out and are not acknowledged.
    void ack(std::uint64_t count);
    /// The same from a thread that does not have the turn: now if its holder waits for a message, else when ack_asked()
    /// is called by whoever has the turn.
    void ask_ack(std::uint64_t count);
    bool asked() const { return asked_ != 0; }
    void ack_asked();
    bool ended() const { return node_->inbox.closed != ErrorCode::ok; }
    // --- For a node of Queue::shared, whose messages are taken with the lock held and given out without it. ------
    /// Whether next_here() has something, perhaps of a next item. Never waits.
    bool take_ready(Lock& lock);
    /// What was given out counts as handled (but with manual_ack). True: there is more.
    bool finish_ready(Lock& lock);

    /// The message given out last was not handled: it is given out again.
    void put_back();
    static constexpr std::uint64_t kAll = UINT64_MAX;
    /// Leaves the eventfd readable exactly if more is at hand.
    void settle_descriptor(int fd);

private:
    ErrorCode take(std::int64_t until_us);
    ErrorCode end();
    void ack(std::uint64_t count, Lock& lock);
    void ack_all(Lock& lock);
    void begin();
    bool careful();
    void finish(Lock& lock);

    struct Given {  // a whole item that was given out
        Item item;
        std::uint32_t acked = 0;  // records of it that are acknowledged, or were never given out
        std::uint32_t end = 0;    // behind the last one that was given out
    };

    std::shared_ptr<Link> link_;
    std::shared_ptr<Attachment> node_;
    bool manual_;
    Item item_;
    bool holds_ = false;
    std::string_view records_;      // those of item_ not read yet
    const char* before_ = nullptr;  // where they began before the last one was read
    std::uint64_t sequence_ = 0;    // of the record given out last
    std::uint32_t index_ = 0;
    std::uint32_t acked_ = 0;  // manual: as Given::acked, of item_
    std::uint32_t left_ = 0;
    bool redelivered_ = false;
    std::int64_t clock_us_ = 0;
    std::deque<Given> given_;              // manual: those that are not acknowledged to their end
    std::atomic<std::uint64_t> asked_{0};  // what ack_asked() acknowledges; added to under the link's lock
    bool waits_ = false;                   // for a message, in take(); under the link's lock
};

}  // namespace cast::detail
