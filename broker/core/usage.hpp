// Usage: how much a stream holds: messages and bytes, in memory or paged out to the store. A stream owns its own and is
// the only writer of it; the sums over all streams and over a node's mailbox follow by themselves. Plain values;
// broker's thread.
#pragma once
#include <cstddef>

namespace broker {

/// Sums over all streams, and over what is scheduled.
class UsageTotals {
public:
    std::size_t bytes() const { return bytes_; }                      ///< held, in memory or in the store
    std::size_t paged_out_bytes() const { return paged_out_bytes_; }  ///< of those, in the store alone
    std::size_t memory_bytes() const { return bytes_ - paged_out_bytes_; }
    std::size_t queued_messages() const { return queued_messages_; }  ///< in the mailboxes of all but hidden nodes

private:
    friend class Usage;
    std::size_t bytes_ = 0;
    std::size_t paged_out_bytes_ = 0;
    std::size_t queued_messages_ = 0;
};

/// Sums over the lanes of one node's mailbox. It has to outlive them.
class MailboxUsage {
public:
    std::size_t bytes() const { return bytes_; }
    std::size_t messages() const { return messages_; }

private:
    friend class Usage;
    std::size_t bytes_ = 0;
    std::size_t messages_ = 0;
};

class Usage {
public:
    /// Of a group, or of what is scheduled.
    explicit Usage(UsageTotals& totals) : totals_(&totals) {}
    /// Of a lane. `hidden`: its node is, and is not counted among the queued messages.
    Usage(UsageTotals& totals, MailboxUsage& mailbox, bool hidden)
        : totals_(&totals), mailbox_(&mailbox), hidden_(hidden) {}
    ~Usage() { clear(); }
    Usage(const Usage&) = delete;
    Usage& operator=(const Usage&) = delete;

    std::size_t bytes() const { return bytes_; }                      ///< held, in memory or in the store
    std::size_t messages() const { return messages_; }                ///< the same
    std::size_t paged_out_bytes() const { return paged_out_bytes_; }  ///< of the bytes, in the store alone

    /// So much came to what is in memory, or left it.
    void add(std::size_t bytes, std::size_t messages) {
        totals_->bytes_ += bytes;
        count(bytes, messages);
    }
    void remove(std::size_t bytes, std::size_t messages) {
        totals_->bytes_ -= bytes;
        count(std::size_t{0} - bytes, std::size_t{0} - messages);
    }
    /// The same of what is paged out.
    void add_paged_out(std::size_t bytes, std::size_t messages) {
        move_paged_out(bytes);
        if (!orphaned_) totals_->bytes_ += bytes;
        count(bytes, messages);
    }
    void remove_paged_out(std::size_t bytes, std::size_t messages) {
        move_paged_out(std::size_t{0} - bytes);
        if (!orphaned_) totals_->bytes_ -= bytes;
        count(std::size_t{0} - bytes, std::size_t{0} - messages);
    }
    /// So much of it left memory, and the store has it; or came back.
    void page_out(std::size_t bytes) {
        move_paged_out(bytes);
        if (orphaned_) totals_->bytes_ -= bytes;
    }
    void page_in(std::size_t bytes) {
        move_paged_out(std::size_t{0} - bytes);
        if (orphaned_) totals_->bytes_ += bytes;
    }
    /// Nothing is held any more.
    void clear() {
        remove_paged_out(paged_out_bytes_, 0);
        remove(bytes_, messages_);
    }
    /// The lane belongs to no mailbox any more: from now on the totals count what it has in memory, and no more.
    void orphan() {
        if (orphaned_) return;
        totals_->bytes_ -= paged_out_bytes_;
        totals_->paged_out_bytes_ -= paged_out_bytes_;
        count_in_mailbox(std::size_t{0} - bytes_, std::size_t{0} - messages_);
        mailbox_ = nullptr;
        orphaned_ = true;
    }

private:
    void count(std::size_t bytes, std::size_t messages) {
        bytes_ += bytes;
        messages_ += messages;
        count_in_mailbox(bytes, messages);
    }
    void count_in_mailbox(std::size_t bytes, std::size_t messages) {
        if (mailbox_ == nullptr) return;
        mailbox_->bytes_ += bytes;
        mailbox_->messages_ += messages;
        if (!hidden_) totals_->queued_messages_ += messages;
    }
    void move_paged_out(std::size_t bytes) {
        paged_out_bytes_ += bytes;
        if (!orphaned_) totals_->paged_out_bytes_ += bytes;
    }

    std::size_t bytes_ = 0;
    std::size_t messages_ = 0;
    std::size_t paged_out_bytes_ = 0;
    UsageTotals* totals_;
    MailboxUsage* mailbox_ = nullptr;
    bool hidden_ = false;
    bool orphaned_ = false;
};

}  // namespace broker
