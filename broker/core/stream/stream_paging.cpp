// The paged-out part of a stream, and what the store is told of it. Pure; broker's thread.
#include <algorithm>
#include <iterator>

#include "core/stream/stream.hpp"
#include "wire/frame.hpp"

namespace broker {
namespace {

constexpr std::size_t kChunk = 128u << 10;  // bytes of a chunk: one read brings so much
constexpr std::uint32_t kSmallChunk =
    3u << 10;  // up to this it is written anew with what comes next; a row of the store holds it

}  // namespace

StoredBatch recall_batch(const cast::wire::Slice& frame, const cast::wire::BatchHeader& header, Now now) {
    StoredBatch batch;
    batch.first = header.sequence;
    batch.count = header.count;
    batch.flags = header.flags;
    batch.ttl_ms = header.ttl_ms;
    batch.session = header.session;
    batch.number = header.number;
    const auto age_us = static_cast<std::int64_t>(now.wall_us - header.arrival_us);
    batch.arrival_us = now.mono_us - std::max<std::int64_t>(0, age_us);  // a clock that was set back makes it young
    batch.size = static_cast<std::uint32_t>(frame.size());
    batch.gone = batch.expired(now.mono_us);
    batch.frame = frame;
    return batch;
}

void Stream::page_in(std::vector<StoredBatch>&& batches, Sequence through) {
    std::uint64_t bytes = 0, messages = 0;            // of what was not known to be gone
    std::uint64_t kept_bytes = 0, kept_messages = 0;  // of what is in memory now
    std::uint64_t offset = split_ > 0 ? batches_[split_ - 1].end() : 0;
    std::size_t count = 0;
    for (StoredBatch& batch : batches) {
        const bool known = gaps_.knows(batch.first);
        bytes += known ? 0 : batch.size;
        messages += known ? 0 : batch.count;
        if (batch.gone && (known || gaps_.room_for_expired(batch.first))) {
            if (!known) remember(batch.first, batch.last(), cast::wire::GapReason::expired);
            continue;
        }
        batch.offset = offset;
        offset = batch.end();
        gone_batches_ += batch.gone ? 1 : 0;
        kept_bytes += batch.gone ? 0 : batch.size;
        kept_messages += batch.gone ? 0 : batch.count;
        if (count > 0 && joined(batches[count - 1], batch)) continue;
        if (&batches[count] != &batch) batches[count] = std::move(batch);
        ++count;
    }
    batches_.insert(batches_.begin() + static_cast<std::ptrdiff_t>(split_), std::make_move_iterator(batches.begin()),
                    std::make_move_iterator(batches.begin() + static_cast<std::ptrdiff_t>(count)));
    split_ += count;
    usage_.add(kept_bytes, kept_messages);
    std::size_t passed = 0;
    for (; passed < paged_out_.size() && paged_out_[passed].first <= through; ++passed) {
        PagedRange& range = paged_out_[passed];
        const bool whole = range.last <= through;
        const std::uint64_t b = whole ? range.bytes : std::min(range.bytes, bytes);
        const std::uint64_t m = whole ? range.messages : std::min(range.messages, messages);
        bytes -= std::min(bytes, b);
        messages -= std::min(messages, m);
        range.bytes -= b;
        range.messages -= m;
        usage_.remove_paged_out(b, m);
        if (whole) continue;
        range.first = through + 1;
        break;
    }
    paged_out_.erase(paged_out_.begin(), paged_out_.begin() + static_cast<std::ptrdiff_t>(passed));
    if (paged_out_.empty()) join();
    popped_ = std::max(popped_, first_kept() - 1);  // what is gone need not come in front again
    while (front_in_memory() && batches_.front().gone) pop_front();
}

/// The parts before and behind are one again: their offsets too.
void Stream::join() {
    if (split_ > 0) {
        const std::uint64_t behind = split_ < batches_.size() ? batches_[split_].offset : offset_;
        const std::uint64_t shift = behind - batches_[split_ - 1].end();
        for (std::size_t i = 0; i < split_; ++i) batches_[i].offset += shift;
    }
    split_ = 0;
}

void Stream::page_out(std::size_t begin, std::size_t end, const PagedStep& step) {
    end = std::min(end, batches_.size());
    std::size_t i = begin;
    for (; i < end && batches_[i].last() <= stored_; ++i) {
        const StoredBatch& batch = batches_[i];
        if (batch.gone) {
            if (!gaps_.room_for_expired(batch.first)) break;
            --gone_batches_;
            remember(batch.first, batch.last(), cast::wire::GapReason::expired);
            continue;
        }
        const bool full = !paged_out_.empty() &&
                          (paged_out_.back().bytes >= step.bytes || paged_out_.back().messages >= step.messages ||
                           batch.arrival_us - paged_out_.back().since_us > step.age_us);
        if (paged_out_.empty() || full) paged_out_.push_back({batch.first, batch.first, 0, 0, 0, batch.arrival_us});
        PagedRange& range = paged_out_.back();
        range.last = batch.last();
        range.messages += batch.count;
        range.bytes += batch.size;
        range.arrival_us = batch.arrival_us;
        usage_.page_out(batch.size);
    }
    batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(begin),
                   batches_.begin() + static_cast<std::ptrdiff_t>(i));
    split_ = paged_out_.empty() ? 0 : begin;
}

void Stream::page_out_front() {
    while (split_ > 0) {
        const StoredBatch& batch = batches_[split_ - 1];
        if (batch.gone && !gaps_.room_for_expired(batch.first)) return;
        PagedRange& range = paged_out_.front();
        range.first = batch.first;
        if (batch.gone) {
            --gone_batches_;
            remember(batch.first, batch.last(), cast::wire::GapReason::expired);
        } else {
            range.messages += batch.count;
            range.bytes += batch.size;
            usage_.page_out(batch.size);
        }
        --split_;
        batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(split_));
    }
}

void Stream::expire_paged_out(const StoredBatch& batch) {
    for (PagedRange& range : paged_out_) {
        if (batch.first < range.first || batch.last() > range.last) continue;
        const std::uint64_t bytes = std::min<std::uint64_t>(range.bytes, batch.size),
                            messages = std::min<std::uint64_t>(range.messages, batch.count);
        range.bytes -= bytes;
        range.messages -= messages;
        usage_.remove_paged_out(bytes, messages);
    }
    remember(batch.first, batch.last(), cast::wire::GapReason::expired);
    if (split_ == 0) skip_gone_front();
}

/// The oldest that are gone need not stay in the store.
void Stream::skip_gone_front() {
    while (!paged_out_.empty()) {
        const Sequence next = gaps_.past(paged_out_.front().first);
        if (next == paged_out_.front().first) return;
        popped_ = std::min(next - 1, paged_out_.front().last);
        if (next <= paged_out_.front().last) {
            paged_out_.front().first = next;
            return;
        }
        usage_.remove_paged_out(paged_out_.front().bytes, paged_out_.front().messages);
        paged_out_.erase(paged_out_.begin());
    }
}

PagedRange Stream::pop_paged_out() {
    const PagedRange range = paged_out_.front();
    paged_out_.erase(paged_out_.begin());
    usage_.remove_paged_out(range.bytes, range.messages);
    popped_ = range.last;
    return range;
}

PagedRange Stream::pop_paged_out(cast::wire::GapReason reason) {
    const PagedRange range = pop_paged_out();
    remember(range.first, range.last, reason);
    return range;
}

void Stream::restore(const StreamRow& row, std::vector<PagedRange> paged_out) {
    kept = true;
    last_ = base_ = saved_ = stored_ = row.last;
    began_ = row.began;
    popped_ = row.passed;  // the last erasure may be missing: the next transaction repeats it
    gaps_.restore(row.gone);
    chunk_first_ = row.chunk_first;
    chunk_last_ = row.chunk_first == 0 ? 0 : row.last;
    chunk_bytes_ = row.chunk_bytes;
    paged_out_ = std::move(paged_out);
    for (const PagedRange& range : paged_out_) usage_.add_paged_out(range.bytes, range.messages);
    offset_ = usage_.bytes();
}

void Stream::save(Transaction& transaction) {
    if (popped_ > erased_ && chunk_last_ > erased_) transaction.erasures.push_back({id_, popped_});
    erased_ = popped_;
    std::size_t i = saved_ == last_ ? batches_.size() : std::max(find(saved_ + 1), paged_out_.empty() ? 0 : split_);
    while (i < batches_.size()) {
        std::size_t end = i, bytes = 0;
        while (end < batches_.size() && (end == i || bytes + batches_[end].size <= kChunk))
            bytes += batches_[end++].size;
        add_chunk(transaction, i, end);
        i = end;
    }
    saved_ = last_;
}

void Stream::add_chunk(Transaction& transaction, std::size_t begin, std::size_t end) {
    ChunkRow row;
    row.stream = id_;
    for (std::size_t i = begin; i < end; ++i) {
        const StoredBatch& batch = batches_[i];
        if (batch.gone) continue;
        if (row.first == 0) row.first = batch.first;
        row.last = batch.last();
        row.messages += batch.count;
        row.bytes += batch.size;
        row.frames.push_back(batch.frame);
        if (batch.ttl_ms == 0) continue;
        const auto view = cast::wire::read_batch(batch.frame.view().substr(cast::wire::kFrameHeader));
        const std::uint64_t at_us =
            view ? view->header.arrival_us + std::uint64_t{batch.ttl_ms} * std::uint64_t{kMs} : 0;
        row.expires_us = row.expires_us == 0 ? at_us : std::min(row.expires_us, at_us);
    }
    if (row.frames.empty()) return;
    const auto newest = cast::wire::read_batch(row.frames.back().view().substr(cast::wire::kFrameHeader));
    if (newest) row.arrival_us = newest->header.arrival_us;
    if (chunk_first_ != 0 && chunk_bytes_ + row.bytes <= kSmallChunk && chunk_last_ > popped_) {
        row.extends = chunk_first_;
        chunk_bytes_ += static_cast<std::uint32_t>(row.bytes);
    } else {
        chunk_first_ = row.first;
        chunk_bytes_ = static_cast<std::uint32_t>(row.bytes);
    }
    chunk_last_ = row.last;
    transaction.chunks.push_back(std::move(row));
}

void Stream::fill(StreamRow& row) const {
    row.id = id_;
    row.last = last_;
    row.began = base_;
    row.passed = first_kept() - 1;
    row.messages = usage_.messages();
    row.bytes = usage_.bytes();
    row.chunk_first = chunk_first_;
    row.chunk_bytes = chunk_bytes_;
    gaps_.fill(row.gone);
    if (gone_batches_ == 0) return;
    for (const StoredBatch& batch : batches_)
        if (batch.gone) row.gone.push_back({batch.first, batch.last(), cast::wire::GapReason::expired});
    std::sort(row.gone.begin(), row.gone.end(), [](const GoneRange& a, const GoneRange& b) { return a.from < b.from; });
}

}  // namespace broker
