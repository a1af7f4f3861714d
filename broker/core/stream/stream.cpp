// A stream's batches and its memory of what is gone. Pure; broker's thread.
#include "core/stream/stream.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace broker {
namespace {

constexpr std::size_t kNearEnd = 256;  // so few batches are moved at once
constexpr std::size_t kMarks = 1024;   // that could be joined are left as they are, besides an eighth of all
// So many are looked at with each that expires: that ends before there are many marks again.
constexpr std::size_t kJoinedAtOnce = 16;

bool ends_before(const StoredBatch& batch, Sequence s) { return batch.last() < s; }

}  // namespace

Sequence Stream::append(const cast::wire::BatchHeader& header, cast::wire::Slice frame, Now now) {
    StoredBatch batch;
    batch.first = last_ + 1;
    batch.count = header.count;
    batch.flags = header.flags;
    batch.ttl_ms = header.ttl_ms;
    batch.session = header.session;
    batch.number = header.number;
    batch.arrival_us = now.mono_us;
    batch.offset = offset_;
    batch.size = static_cast<std::uint32_t>(frame.size());
    // The stream owns these bytes now, and nobody reads them before they are stamped.
    char* bytes = const_cast<char*>(frame.data()) + cast::wire::kFrameHeader;
    cast::wire::stamp_batch(bytes, id_, batch.first, now.wall_us);
    last_ = batch.last();
    offset_ += frame.size();
    usage_.add(frame.size(), batch.count);
    batch.frame = std::move(frame);
    batches_.push_back(std::move(batch));
    return batches_.back().first;
}

std::size_t Stream::find(Sequence sequence) const {
    if (!batches_.empty() && sequence <= batches_.front().last()) return 0;
    if (hole_end_ != 0) [[unlikely]]
        return find_around_hole(sequence);
    const auto at = std::lower_bound(batches_.begin(), batches_.end(), sequence, ends_before);
    return static_cast<std::size_t>(at - batches_.begin());
}

std::size_t Stream::find_around_hole(Sequence sequence) const {
    auto begin = batches_.begin(), end = batches_.end();
    if (sequence > batches_[hole_ - 1].last())
        begin += static_cast<std::ptrdiff_t>(hole_end_);
    else
        end = begin + static_cast<std::ptrdiff_t>(hole_);
    return static_cast<std::size_t>(std::lower_bound(begin, end, sequence, ends_before) - batches_.begin());
}

Sequence Stream::first_kept() const {
    if (!batches_.empty() && front_in_memory()) return batches_.front().first;
    return paged_out_.empty() ? last_ + 1 : paged_out_.front().first;
}

/// The batch in front has gone: the hole is not to be there.
void Stream::near_hole() {
    --hole_end_;
    if (--hole_ > 0) return;
    for (; hole_end_ > 0; --hole_end_) batches_.pop_front();
}

StoredBatch Stream::pop_front() {
    StoredBatch batch = std::move(batches_.front());
    batches_.pop_front();
    if (hole_end_ != 0) [[unlikely]]
        near_hole();
    if (split_ > 0)
        --split_, popped_ = batch.last();
    else if (paged_out_.empty())
        popped_ = batch.last();
    if (batch.gone) {
        --gone_batches_;
        remember(batch.first, batch.last(), cast::wire::GapReason::expired);
    } else {
        usage_.remove(batch.size, batch.count);
    }
    return batch;
}

StoredBatch Stream::pop_front(cast::wire::GapReason reason) {
    StoredBatch batch = pop_front();
    if (!batch.gone) remember(batch.first, batch.last(), reason);
    return batch;
}

void Stream::expire(std::size_t i) {
    StoredBatch& batch = batches_[i];
    if (batch.gone) return;
    usage_.remove(batch.size, batch.count);
    batch.gone = true;
    ++gone_batches_;
    batch.frame = {};
    if (hole_end_ == 0 && std::min(i, batches_.size() - i) <= kNearEnd) {
        join_gone(i + 1);
        join_gone(i);
    } else {
        if (hole_end_ == 0 || i < hole_) joinable_ += std::size_t{could_join(i)} + std::size_t{could_join(i + 1)};
        if (hole_end_ == 0 && joinable_ >= kMarks + batches_.size() / 8) joinable_ = 0, hole_ = hole_end_ = 1;
        if (hole_end_ != 0) join_more_gone();
    }
    while (front_in_memory() && batches_.front().gone) pop_front();
}

/// Batch `i` and the one before it are gone.
bool Stream::could_join(std::size_t i) const {
    return i > 0 && i < batches_.size() && batches_[i - 1].gone && batches_[i].gone;
}

/// Those that are gone and lie side by side become one: nothing limits how many expire behind one that is kept.
bool Stream::joined(StoredBatch& before, const StoredBatch& batch) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    if (!before.gone || !batch.gone || before.last() + 1 != batch.first) return false;
    if (std::uint64_t{before.size} + batch.size > kMost || std::uint64_t{before.count} + batch.count > kMost)
        return false;
    before.size += batch.size;
    before.count += batch.count;
    --gone_batches_;
    return true;
}

void Stream::join_gone(std::size_t i) {
    if (i == 0 || i >= batches_.size() || (i == split_ && !paged_out_.empty())) return;
    if (!joined(batches_[i - 1], batches_[i])) return;
    batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(i));
    if (i < split_) --split_;
}

/// The same for all of them, once there are many, for to take one out of the middle moves half of the others. From the
/// front on, a few at a time; at once where the store has a part, for then few are in memory.
void Stream::join_more_gone() {
    std::size_t left = kept || !paged_out_.empty() ? ~std::size_t{0} : kJoinedAtOnce;
    for (; left > 0 && hole_end_ < batches_.size(); --left, ++hole_end_) {
        StoredBatch& batch = batches_[hole_end_];
        const bool behind_paged_out = hole_end_ == split_ && !paged_out_.empty();
        if (behind_paged_out) split_ = hole_;
        if (behind_paged_out || !joined(batches_[hole_ - 1], batch)) {
            if (hole_ < hole_end_) batches_[hole_] = std::move(batch);
            ++hole_;
        }
        if (hole_ <= hole_end_) batch.gone = true, batch.count = 0;  // NOLINT(bugprone-use-after-move): assigned anew
    }
    for (; left > 0 && hole_ < hole_end_ && hole_end_ == batches_.size(); --left, --hole_end_) batches_.pop_back();
    if (hole_ == hole_end_ && hole_ == batches_.size()) hole_ = hole_end_ = 0;
}

std::deque<StoredBatch> Stream::let_all_go(std::optional<cast::wire::GapReason> reason) {
    const Sequence first = first_kept();
    if (reason && first <= last_) {
        gaps_.forget_from(first);
        remember(first, last_, *reason);
    }
    popped_ = last_;
    usage_.clear();
    split_ = gone_batches_ = joinable_ = hole_ = hole_end_ = 0;
    paged_out_.clear();
    return std::exchange(batches_, {});
}

void Stream::begin_with_gap(std::uint64_t count, cast::wire::GapReason reason) {
    last_ = saved_ = popped_ = erased_ = count;
    remember(1, count, reason);
}

void Stream::give_up(std::size_t i, Sequence s) {
    StoredBatch& batch = batches_[i];
    batch.flags = static_cast<std::uint8_t>(batch.flags & ~cast::wire::kWantsDelivered);
    batch.given_up = batch.count == 1;
    remember(s, s, cast::wire::GapReason::redeliveries);
}

}  // namespace broker
