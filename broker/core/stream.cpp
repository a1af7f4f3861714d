// A stream's batches and its memory of what is gone. Pure; broker's thread.
#include "core/stream.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace broker {
namespace {

constexpr std::size_t kNearEnd = 256;  // so few batches are moved at once
constexpr std::size_t kMarks = 1024;   // that could be joined are left as they are, besides an eighth of all
constexpr std::size_t kJoinedAtOnce =
    16;  // looked at with each that expires: it ends before there are many marks again

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
    bytes_ += frame.size();
    messages_ += batch.count;
    batch.frame = std::move(frame);
    batches_.push_back(std::move(batch));
    return batches_.back().first;
}

std::size_t Stream::find(Sequence sequence) const {
    if (!batches_.empty() && sequence <= batches_.front().last()) return 0;
    auto begin = batches_.begin(), end = batches_.end();
    if (hole_end_ != 0 && sequence > batches_[hole_ - 1].last())
        begin += static_cast<std::ptrdiff_t>(hole_end_);
    else if (hole_end_ != 0)
        end = begin + static_cast<std::ptrdiff_t>(hole_);
    const auto at =
        std::lower_bound(begin, end, sequence, [](const StoredBatch& b, Sequence s) { return b.last() < s; });
    return static_cast<std::size_t>(at - batches_.begin());
}

Sequence Stream::first_kept() const {
    if (!batches_.empty() && warm_front()) return batches_.front().first;
    return cold_.empty() ? last_ + 1 : cold_.front().first;
}

StoredBatch Stream::pop_front() {
    StoredBatch batch = std::move(batches_.front());
    batches_.pop_front();
    if (hole_end_ != 0 && (--hole_end_, --hole_ == 0))
        while (hole_end_ > 0) batches_.pop_front(), --hole_end_;
    if (split_ > 0) --split_, popped_ = batch.last();
    else if (cold_.empty()) popped_ = batch.last();
    if (batch.gone) {
        --gone_batches_;
        remember(batch.first, batch.last(), cast::wire::GapReason::expired);
    } else {
        bytes_ -= batch.size;
        messages_ -= batch.count;
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
    bytes_ -= batch.size;
    messages_ -= batch.count;
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
    while (warm_front() && batches_.front().gone) pop_front();
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
    if (i == 0 || i >= batches_.size() || (i == split_ && !cold_.empty())) return;
    if (!joined(batches_[i - 1], batches_[i])) return;
    batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(i));
    if (i < split_) --split_;
}

/// The same for all of them, once there are many, for to take one out of the middle moves half of the others. From the front
/// on, a few at a time; at once where the store has a part, for then few are in memory.
void Stream::join_more_gone() {
    std::size_t left = kept || !cold_.empty() ? ~std::size_t{0} : kJoinedAtOnce;
    for (; left > 0 && hole_end_ < batches_.size(); --left, ++hole_end_) {
        StoredBatch& batch = batches_[hole_end_];
        const bool behind_cold = hole_end_ == split_ && !cold_.empty();
        if (behind_cold) split_ = hole_;
        if (behind_cold || !joined(batches_[hole_ - 1], batch)) {
            if (hole_ < hole_end_) batches_[hole_] = std::move(batch);
            ++hole_;
        }
        if (hole_ <= hole_end_) batch.gone = true, batch.count = 0;
    }
    for (; left > 0 && hole_ < hole_end_ && hole_end_ == batches_.size(); --left, --hole_end_) batches_.pop_back();
    if (hole_ == hole_end_ && hole_ == batches_.size()) hole_ = hole_end_ = 0;
}

std::deque<StoredBatch> Stream::let_all_go(std::optional<cast::wire::GapReason> reason) {
    const Sequence first = first_kept();
    if (reason && first <= last_) {
        std::erase_if(gone_, [first](const GoneRange& range) { return range.from >= first; });
        remember(first, last_, *reason);
    }
    popped_ = last_;
    bytes_ = messages_ = cold_bytes_ = split_ = gone_batches_ = joinable_ = hole_ = hole_end_ = 0;
    cold_.clear();
    return std::exchange(batches_, {});
}

void Stream::remember(Sequence from, Sequence to, cast::wire::GapReason reason) {
    const auto at = gone_after(from);
    if (at != gone_.begin() && std::prev(at)->reason == reason && std::prev(at)->to + 1 >= from) {
        std::prev(at)->to = std::max(std::prev(at)->to, to);
    } else {
        gone_.insert(at, {from, to, reason});
    }
    // The two oldest become one, if nothing that is kept lies between; the later reason stands for both.
    if (gone_.size() > kRanges && gone_[1].to < first_kept()) {
        gone_[1].from = gone_[0].from;
        gone_.erase(gone_.begin());
    }
}

/// The first range behind this number. Mostly that is the end; what expired behind a cold part may lie beyond.
std::vector<GoneRange>::iterator Stream::gone_after(Sequence sequence) {
    return std::upper_bound(gone_.begin(), gone_.end(), sequence, [](Sequence s, const GoneRange& range) { return s < range.from; });
}

bool Stream::can_remember(Sequence from) {
    if (gone_.size() < kRanges) return true;
    const auto at = gone_after(from);
    return at != gone_.begin() && std::prev(at)->reason == cast::wire::GapReason::expired && std::prev(at)->to + 1 == from;
}

void Stream::begin_with_gap(std::uint64_t count, cast::wire::GapReason reason) {
    last_ = saved_ = popped_ = erased_ = count;
    remember(1, count, reason);
}

bool Stream::known_gone(Sequence sequence) const {
    return std::any_of(gone_.begin(), gone_.end(), [sequence](const GoneRange& r) {
        return r.from <= sequence && sequence <= r.to && r.reason != cast::wire::GapReason::redeliveries;
    });
}

Sequence Stream::past_gaps(Sequence sequence) const {
    for (const GoneRange& range : gone_)  // they may lie in one another
        if (range.from <= sequence && sequence <= range.to) sequence = range.to + 1;
    return sequence;
}

void Stream::give_up(std::size_t i, Sequence s) {
    StoredBatch& batch = batches_[i];
    batch.flags = static_cast<std::uint8_t>(batch.flags & ~cast::wire::kWantsDelivered);
    batch.given_up = batch.count == 1;
    remember(s, s, cast::wire::GapReason::redeliveries);
}

Sequence Stream::given_up() const {
    for (const GoneRange& range : gone_)
        if (range.reason == cast::wire::GapReason::redeliveries) return range.from;
    return 0;
}

void Stream::forget_gaps(Sequence sequence) {
    std::size_t n = 0;
    while (n < gone_.size() && gone_[n].to <= sequence) ++n;
    gone_.erase(gone_.begin(), gone_.begin() + static_cast<std::ptrdiff_t>(n));
}

}  // namespace broker
