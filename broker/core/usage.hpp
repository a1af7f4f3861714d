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
    std::size_t queued_messages() const { return queued_messages_[0]; }  ///< in the mailboxes of all but hidden nodes

private:
    friend class Usage;
    std::size_t bytes_ = 0;
    std::size_t paged_out_bytes_ = 0;
    std::size_t queued_messages_[2] = {};  // in those of hidden nodes, too
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
        bytes_ += bytes;
        messages_ += messages;
        totals_->bytes_ += bytes;
        if (mailbox_ == nullptr) return;
        mailbox_->bytes_ += bytes;
        mailbox_->messages_ += messages;
        totals_->queued_messages_[hidden_] += messages;
    }
    void remove(std::size_t bytes, std::size_t messages) {
        bytes_ -= bytes;
        messages_ -= messages;
        totals_->bytes_ -= bytes;
        if (mailbox_ == nullptr) return;
        mailbox_->bytes_ -= bytes;
        mailbox_->messages_ -= messages;
        totals_->queued_messages_[hidden_] -= messages;
    }
    /// The same of what is paged out.
    void add_paged_out(std::size_t bytes, std::size_t messages) {
        add(bytes, messages);
        page_out(bytes);
    }
    void remove_paged_out(std::size_t bytes, std::size_t messages) {
        page_in(bytes);
        remove(bytes, messages);
    }
    /// So much of it left memory, and the store has it; or came back. Of an orphan the totals do not count it.
    void page_out(std::size_t bytes) {
        paged_out_bytes_ += bytes;
        if (orphaned_)
            totals_->bytes_ -= bytes;
        else
            totals_->paged_out_bytes_ += bytes;
    }
    void page_in(std::size_t bytes) { page_out(std::size_t{0} - bytes); }
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
        if (mailbox_ != nullptr) {
            mailbox_->bytes_ -= bytes_;
            mailbox_->messages_ -= messages_;
            totals_->queued_messages_[hidden_] -= messages_;
        }
        mailbox_ = nullptr;
        orphaned_ = true;
    }

private:
    std::size_t bytes_ = 0;
    std::size_t messages_ = 0;
    std::size_t paged_out_bytes_ = 0;
    UsageTotals* totals_;
    MailboxUsage* mailbox_ = nullptr;
    bool hidden_ = false;
    bool orphaned_ = false;
};

}  // namespace broker
