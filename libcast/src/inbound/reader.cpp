// Walking through received batches, with the node's turn; see reader.hpp.
#include "src/inbound/reader.hpp"

#include <unistd.h>

#include <algorithm>

#include "src/node/message_access.hpp"
#include "src/session/session_time.hpp"

namespace cast::detail {

void Reader::begin() {
    const wire::BatchView& view = item_.batch->view;
    records_ = view.records;
    index_ = 0;
    left_ = view.header.count;
    sequence_ = view.header.sequence - 1;
    holds_ = true;
    // What an earlier ACK covers is passed over.
    wire::Reader in(records_);
    while (left_ > 0 && view.header.sequence + index_ < item_.from && wire::read_record(in)) {
        ++index_;
        --left_;
    }
    records_ = in.rest();
    acked_ = index_;
    redelivered_ = view.last_sequence() <= item_.reading->redelivered;
}

bool Reader::next_here(Message& message) {
    if (!holds_ || left_ == 0) return false;
    before_ = records_.data();  // not the whole view: to load what was just stored in halves waits for the memory
    wire::RecordView record;
    if (!wire::read_plain_record(records_, record)) {
        wire::Reader in(records_);
        const auto other = wire::read_record(in);
        if (!other) {  // the count lied, or the bytes do; the rest of the batch cannot be told apart
            left_ = 0;
            return false;
        }
        record = *other;
        records_ = std::string_view(in.at(), in.left());
    }
    sequence_ = item_.batch->view.header.sequence + index_;
    MessageAccess::view(message, item_.batch, record, index_, redelivered_);
    ++index_;
    --left_;
    return true;
}

void Reader::put_back() {
    if (!holds_ || index_ == 0) return;
    records_ = {before_, records_.size() + static_cast<std::size_t>(records_.data() - before_)};
    --sequence_;
    --index_;
    ++left_;
    acked_ = std::min(acked_, index_);
}

bool Reader::careful() {
    if (!redelivered_ || manual_ || !holds_ || item_.batch->view.header.cast != wire::Cast::unicast ||
        item_.reading->careful == 0)
        return false;
    --item_.reading->careful;
    return true;
}

ErrorCode Reader::next(Message& message, std::int64_t until_us) {
    if (ended()) return end();
    handled_carefully();
    while (!next_here(message)) {
        const ErrorCode code = take(until_us);
        if (code != ErrorCode::ok) return code;
    }
    return ErrorCode::ok;
}

void Reader::finish(Lock& lock) {
    if (!holds_) return;
    const auto& header = item_.batch->view.header;
    if (index_ < header.count)
        link_->outbox(lock).notices.push_back(
            {Notice::Kind::gap, node_->inbox.name, header.count - index_, "messages malformed by their sender"});
    holds_ = false;
    if (manual_) {
        given_.push_back({std::move(item_), acked_, index_});
    } else {
        item_.reading->done.store(item_.batch->view.last_sequence(), std::memory_order_release);
        link_->session(lock).inbound().finished(item_, clock_us_ = link_->recent_us(lock), link_->outbox(lock));
    }
    item_ = {};
}

/// Nothing more is given out, also not what is at hand: it is another reader's, or nobody's.
ErrorCode Reader::end() {
    holds_ = false;
    left_ = 0;
    item_ = {};
    given_.clear();
    return node_->inbox.closed;
}

ErrorCode Reader::take(std::int64_t until_us) {
    Lock lock = link_->lock();
    Inbox& inbox = node_->inbox;
    if (ended()) return end();
    const bool handled_some = holds_ && !manual_, at_once = careful();
    finish(lock);
    if (handled_some) {
        link_->session(lock).inbound().tick(clock_us_, at_once, link_->outbox(lock));
        link_->carry_out(lock);
    }
    if (!inbox.pop(item_)) {
        if (until_us == 0) {
            link_->check(lock);
        } else {
            waits_ = true;
            link_->wait(lock, until_us, [&] { return inbox.items > 0 || ended(); });
            waits_ = false;
        }
        if (ended()) return end();
        if (!inbox.pop(item_)) return ErrorCode::timed_out;
    }
    begin();
    return ErrorCode::ok;
}

bool Reader::take_ready(Lock& lock) {
    if (ended()) return end(), false;
    if (holds_ && left_ > 0) return true;
    finish(lock);
    if (!node_->inbox.pop(item_)) return false;
    begin();
    return true;
}

bool Reader::finish_ready(Lock& lock) {
    if (ended()) return end(), false;
    const bool at_once = left_ == 0 && careful();
    if (left_ == 0) finish(lock);
    if (at_once) link_->session(lock).inbound().tick(clock_us_, true, link_->outbox(lock));
    return (holds_ && left_ > 0) || node_->inbox.items > 0;
}

void Reader::ack(std::uint64_t count) {
    Lock lock = link_->lock();
    ack(count, lock);
}

void Reader::ask_ack(std::uint64_t count) {
    Lock lock = link_->lock();
    if (waits_)
        ack(count, lock);
    else
        asked_ = count > kAll - asked_ ? kAll : asked_ + count;
}

void Reader::ack_asked() {
    Lock lock = link_->lock();
    ack(asked_.exchange(0), lock);
}

void Reader::ack_all(Lock& lock) {
    Inbound& inbound = link_->session(lock).inbound();
    const std::int64_t now = now_us();
    for (const auto& [item, acked, end] : given_) {
        item.reading->done.store(item.batch->view.last_sequence(), std::memory_order_release);
        inbound.finished(item, now, link_->outbox(lock));
    }
    given_.clear();
    if (holds_ && left_ == 0 && manual_) {
        item_.reading->done.store(item_.batch->view.last_sequence(), std::memory_order_release);
        inbound.finished(item_, now, link_->outbox(lock));
        holds_ = false;
        item_ = {};
    } else if (holds_) {
        item_.reading->done.store(sequence_, std::memory_order_release);
        inbound.handled_some(item_, now);
        acked_ = index_;
    }
    inbound.tick(now, true, link_->outbox(lock));
    link_->carry_out(lock);
}

void Reader::ack(std::uint64_t count, Lock& lock) {
    Inbound& inbound = link_->session(lock).inbound();
    const std::int64_t now = now_us();
    const auto done = [&](const Item& item, std::uint32_t records) {
        const std::uint64_t through = item.batch->view.header.sequence + records - 1;
        item.reading->done.store(through, std::memory_order_release);
        inbound.handled_some(item, now);
    };
    while (count > 0 && !given_.empty()) {
        Given& first = given_.front();
        const auto taken = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, first.end - first.acked));
        count -= taken;
        first.acked += taken;
        done(first.item, first.acked);
        if (first.acked < first.end) break;
        done(first.item, first.item.batch->view.header.count);
        inbound.finished(first.item, now, link_->outbox(lock));
        given_.pop_front();
    }
    const std::uint32_t here = holds_ ? index_ - acked_ : 0;
    if (count < here || !given_.empty()) {
        if (count > 0) done(item_, acked_ += static_cast<std::uint32_t>(count));
        inbound.tick(now, true, link_->outbox(lock));
        link_->carry_out(lock);
        return;
    }
    ack_all(lock);
}

void Reader::settle_descriptor(int fd) {
    Lock lock = link_->lock();
    std::uint64_t count = 0;
    if (left_ == 0 && node_->inbox.items == 0 && node_->inbox.closed == ErrorCode::ok) {
        (void)!read(fd, &count, sizeof count);
    } else {
        count = 1;
        (void)!write(fd, &count, sizeof count);
    }
}

}  // namespace cast::detail
