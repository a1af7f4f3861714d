// Reader: the receiving side of one node as the program sees it: takes items from the node's inbox, walks through
// their records, acknowledges what was handled. One thread at a time: under the node's receive lock.
#pragma once
#include <cast/message.hpp>
#include <cast/result.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "src/link.hpp"

namespace cast::detail {

class Reader {
public:
    Reader(std::shared_ptr<Link> link, std::shared_ptr<Attachment> node, bool manual_ack)
        : link_(std::move(link)), node_(std::move(node)), manual_(manual_ack) {}

    /// Points `message` at the next record, waiting until the deadline (0: not at all). The one before counts as handled.
    ErrorCode next(Message& message, std::int64_t until_us);
    /// The next record of the item at hand only; never waits, takes no lock.
    bool next_here(Message& message);
    /// All records given out so far are handled.
    void handled() {
        if (!manual_ && holds_) item_.reading->done.store(sequence_, std::memory_order_release);
    }
    /// The same, and what was redelivered is acknowledged before the next one is given out, for a while after a node is
    /// attached: so the broker knows which message its reader dies of.
    void handled_carefully() {
        handled();
        if (redelivered_ && index_ > 0 && left_ > 0 && careful()) ack();
    }
    /// manual_ack: acknowledges all that were given out.
    void ack();
    /// Leaves the eventfd readable exactly if more is at hand.
    void settle_descriptor(int fd);

private:
    ErrorCode take(std::int64_t until_us);
    void begin();
    bool careful();
    void finish(Lock& lock);

    std::shared_ptr<Link> link_;
    std::shared_ptr<Attachment> node_;
    bool manual_;
    Item item_;
    bool holds_ = false;
    std::string_view records_;      // those of item_ not read yet
    std::uint64_t sequence_ = 0;    // of the record given out last
    std::uint32_t index_ = 0;
    std::uint32_t left_ = 0;
    bool redelivered_ = false;
    std::int64_t clock_us_ = 0;
    std::deque<Item> given_;        // manual: whole items given out and not acknowledged
};

}  // namespace cast::detail
