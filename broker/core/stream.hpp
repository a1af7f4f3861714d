// Stream: a numbered sequence of records, kept as batches, oldest first. What it let go of it remembers as
// ranges with a reason, so that a reader is never left to guess. Pure; broker's thread.
#pragma once
#include <deque>
#include <vector>

#include "core/types.hpp"
#include "wire/batch.hpp"
#include "wire/messages.hpp"
#include "wire/slice.hpp"

namespace broker {

/// A batch in a stream. `frame` is a whole DELIVER frame: 8 bytes of frame header, then the batch.
struct StoredBatch {
    Sequence first = 0;
    std::uint32_t count = 0;
    std::uint8_t flags = 0;
    bool gone = false;  ///< expired: its bytes are let go, its numbers still stand
    std::uint32_t ttl_ms = 0;
    std::uint32_t size = 0;       ///< of the frame, also once it is gone
    SessionId session = 0;
    std::uint64_t number = 0;
    std::int64_t arrival_us = 0;  ///< monotonic
    std::uint64_t offset = 0;     ///< bytes of the stream before this batch, ever
    cast::wire::Slice frame;

    Sequence last() const { return first + count - 1; }
    std::uint64_t end() const { return offset + size; }
    bool expired(std::int64_t mono_us) const { return ttl_ms != 0 && mono_us >= arrival_us + std::int64_t(ttl_ms) * kMs; }
};

struct GoneRange {
    Sequence from = 0;
    Sequence to = 0;
    cast::wire::GapReason reason = cast::wire::GapReason::lost;
};

class Stream {
public:
    explicit Stream(StreamId id) : id_(id) {}

    StreamId id() const { return id_; }
    Sequence last() const { return last_; }                ///< of the newest record ever; 0: none yet
    Sequence first_kept() const { return batches_.empty() ? last_ + 1 : batches_.front().first; }
    std::size_t bytes() const { return bytes_; }           ///< held now
    std::size_t messages() const { return messages_; }     ///< held now
    std::size_t batches() const { return batches_.size(); }
    const StoredBatch& operator[](std::size_t i) const { return batches_[i]; }
    const StoredBatch& front() const { return batches_.front(); }
    const StoredBatch& back() const { return batches_.back(); }
    bool empty() const { return batches_.empty(); }

    /// Takes a batch at the end: stamps its stream, sequence and arrival into its bytes. `frame` must be
    /// the stream's own to write to. Returns its first sequence.
    Sequence append(const cast::wire::BatchHeader& header, cast::wire::Slice frame, Now now);

    /// Index of the first held batch whose last sequence is >= `sequence`; batches() when there is none.
    std::size_t find(Sequence sequence) const;

    /// Lets the oldest batch go. With a reason, its numbers become a gap for who has not read them.
    StoredBatch pop_front();
    StoredBatch pop_front(cast::wire::GapReason reason);

    /// Lets the bytes of batch `i` go because it expired; a gap at the front is closed up.
    void expire(std::size_t i);

    /// Visits what is missing of from..to, in order: visit(GoneRange). Numbers that no range explains are `lost`.
    template <class Visit>
    void for_each_gap(Sequence from, Sequence to, Visit&& visit) const {
        for (const GoneRange& range : gone_) {
            if (range.to < from || from > to) continue;
            if (range.from > to) break;
            if (range.from > from) visit(GoneRange{from, range.from - 1, cast::wire::GapReason::lost});
            const Sequence begin = range.from > from ? range.from : from;
            const Sequence end = range.to < to ? range.to : to;
            visit(GoneRange{begin, end, range.reason});
            from = end + 1;
        }
        if (from <= to) visit(GoneRange{from, to, cast::wire::GapReason::lost});
    }

    /// Forgets ranges that lie at or below `sequence`: every reader is past them.
    void forget_gaps(Sequence sequence);

private:
    void remember(Sequence from, Sequence to, cast::wire::GapReason reason);
    StreamId id_;
    Sequence last_ = 0;
    std::uint64_t offset_ = 0;
    std::size_t bytes_ = 0;
    std::size_t messages_ = 0;
    std::deque<StoredBatch> batches_;
    std::vector<GoneRange> gone_;  // ascending; neighbours of one reason are merged; at most kRanges
};

}  // namespace broker
