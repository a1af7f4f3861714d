// Stream: a numbered sequence of records, kept as batches, oldest first. What it let go of it remembers as gaps. Pure;
// broker's thread.
//
// With a store on disk some of it may be paged out: in the store and not in memory, known by ranges and sums alone. The
// batches in memory then lie around the paged-out part: `split` of them before it, the others behind.
#pragma once
#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "core/store.hpp"
#include "core/stream/gaps.hpp"
#include "core/stream/paged_range.hpp"
#include "core/types.hpp"
#include "core/usage.hpp"
#include "wire/batch.hpp"
#include "wire/messages.hpp"
#include "wire/slice.hpp"

namespace broker {

/// A batch in a stream. `frame` is a whole DELIVER frame: 8 bytes of frame header, then the batch.
struct StoredBatch {
    Sequence first = 0;
    std::uint32_t count = 0;
    std::uint8_t flags = 0;
    bool gone = false;      ///< expired: its bytes are let go, its numbers still stand
    bool given_up = false;  ///< all of it: it is a dead letter, and nobody has read it
    std::uint32_t ttl_ms = 0;
    std::uint32_t size = 0;  ///< of the frame, also once it is gone
    SessionId session = 0;
    std::uint64_t number = 0;
    std::int64_t arrival_us = 0;  ///< monotonic
    std::uint64_t offset = 0;     ///< bytes of the stream before this batch, ever
    cast::wire::Slice frame;

    Sequence last() const { return first + count - 1; }
    std::uint64_t end() const { return offset + size; }
    std::int64_t runs_out_us() const { return arrival_us + std::int64_t(ttl_ms) * kMs; }  ///< if it has a ttl
    bool expired(std::int64_t mono_us) const { return ttl_ms != 0 && mono_us >= runs_out_us(); }
};

/// The stored form of a batch read back: its arrival in the monotonic time of now. One that has expired is gone, and
/// has its bytes still.
StoredBatch recall_batch(const cast::wire::Slice& frame, const cast::wire::BatchHeader& header, Now now);

class Stream {
public:
    Stream(StreamId id, UsageTotals& totals) : id_(id), usage_(totals) {}
    /// Of a lane.
    Stream(StreamId id, UsageTotals& totals, MailboxUsage& mailbox, bool hidden)
        : id_(id), usage_(totals, mailbox, hidden) {}

    StreamId id() const { return id_; }
    Sequence last() const { return last_; }  ///< of the newest record ever; 0: none yet
    Sequence first_kept() const;
    std::size_t bytes() const { return usage_.bytes(); }        ///< held now, in memory or in the store
    std::size_t messages() const { return usage_.messages(); }  ///< held now
    std::size_t batches() const { return batches_.size(); }     ///< in memory, like all that is counted by index
    std::size_t batches_held() const { return batches_.size() - gone_batches_ - (hole_end_ - hole_); }  ///< not gone
    /// Index of the batch behind this one, and how many lie before it: there may be a hole amid them.
    std::size_t next(std::size_t i) const { return i + 1 == hole_ ? hole_end_ : i + 1; }
    std::size_t before(std::size_t i) const { return i < hole_end_ ? i : i - (hole_end_ - hole_); }
    const StoredBatch& operator[](std::size_t i) const { return batches_[i]; }
    const StoredBatch& front() const { return batches_.front(); }
    const StoredBatch& back() const { return hole_end_ == batches_.size() ? batches_[hole_ - 1] : batches_.back(); }
    bool empty() const { return batches_.empty() && paged_out_.empty(); }

    /// Takes a batch at the end: stamps its stream, sequence and arrival into its bytes. `frame` must be
    /// the stream's own to write to. Returns its first sequence.
    Sequence append(const cast::wire::BatchHeader& header, cast::wire::Slice frame, Now now);

    /// Index of the first batch in memory whose last sequence is >= `sequence`; batches() when there is none.
    std::size_t find(Sequence sequence) const;

    /// Lets the oldest batch in memory go. With a reason, its numbers become a gap for who has not read them.
    StoredBatch pop_front();
    StoredBatch pop_front(cast::wire::GapReason reason);
    /// Lets all of it go at once, in the same way, and hands out what was in memory.
    std::deque<StoredBatch> let_all_go(std::optional<cast::wire::GapReason> reason);

    /// Lets the bytes of batch `i` go because it expired; a gap at the front is closed up.
    void expire(std::size_t i);

    /// Of a new stream: its first `count` numbers are gone.
    void begin_with_gap(std::uint64_t count, cast::wire::GapReason reason);

    /// It is no node's lane any more.
    void orphan() { usage_.orphan(); }

    const Gaps& gaps() const { return gaps_; }
    /// Message `s` of batch `i` is given up: readers will be told, and the sender is answered.
    void give_up(std::size_t i, Sequence s);
    /// Forgets gaps at or below `sequence`: every reader is past them.
    void forget_gaps(Sequence sequence) { gaps_.forget_through(sequence); }

    // --- The paged-out part (stream_paging.cpp). ------------------------------------------------------------------
    bool has_paged_out() const { return !paged_out_.empty(); }
    const std::vector<PagedRange>& paged_out() const { return paged_out_; }
    std::size_t paged_out_bytes() const { return usage_.paged_out_bytes(); }
    std::size_t split() const { return split_; }  ///< batches in memory before the paged-out part
    bool paged_out_at(Sequence s) const {
        return !paged_out_.empty() && s >= paged_out_.front().first && s <= paged_out_.back().last;
    }
    /// `i` is find(s): what is missing from `s` on is missing through here; less than `s`: nothing is.
    Sequence missing_upto(Sequence s, std::size_t i) const {
        Sequence next = i < batches_.size() ? batches_[i].first : last_ + 1;
        if (!paged_out_.empty() && paged_out_.front().first >= s && paged_out_.front().first < next)
            next = paged_out_.front().first;
        return next - 1;
    }
    /// Asks for what is in the store from `from` on. What comes there while it is read is not meant.
    Load load(Sequence from, std::size_t bytes, std::uint64_t browse = 0) const {
        return {id_, from, bytes, browse, paged_out_.empty() ? stored_ : paged_out_.back().last};
    }
    /// The oldest of all is in memory.
    bool front_in_memory() const { return !batches_.empty() && (paged_out_.empty() || split_ > 0); }
    /// Arrival of the oldest batch, if it is in memory; else the beginning of time.
    std::int64_t oldest_us() const {
        return front_in_memory() ? batches_.front().arrival_us : std::numeric_limits<std::int64_t>::min();
    }
    /// Puts batches that were read back before the rest of the paged-out part, which then begins after `through`.
    void page_in(std::vector<StoredBatch>&& batches, Sequence through);
    /// Lets those of begin..end go from memory that the store is known to hold. Begins at the split where there is a
    /// paged-out part. What has expired amid them stays where there are too many gaps, and all behind it.
    void page_out(std::size_t begin, std::size_t end, const PagedStep& step = {});
    /// A batch in the paged-out part has expired: its numbers still stand, and the store still has its bytes until all
    /// before it are gone, too.
    void expire_paged_out(const StoredBatch& batch);
    /// Lets those before the paged-out part go from memory: it begins with them again.
    void page_out_front();
    /// Lets the oldest paged-out range go.
    PagedRange pop_paged_out();
    PagedRange pop_paged_out(cast::wire::GapReason reason);

    // --- What the store has to be told (core/persistence). --------------------------------------------------------
    /// Everything about it is kept, and it begins with what a row says.
    void restore(const StreamRow& row, std::vector<PagedRange> paged_out);
    /// The last sequence that is certain to be the same batch as so many epochs ago (0 to 2).
    Sequence last(int ago) const { return ago == 0 ? last_ : ago == 1 ? base_ : began_; }
    Sequence saved() const { return saved_; }
    /// Adds chunks of what is not saved yet, and what may be erased.
    void save(Transaction& transaction);
    void fill(StreamRow& row) const;                      ///< all but whose it is and where its readers stand
    void stored(Sequence through) { stored_ = through; }  ///< up to here everything is in the store for good
    bool kept = false;                                    ///< it belongs to the store
    bool touched = false;                                 ///< listed for the next transaction
    bool loading = false;                                 ///< an answer of the store is on its way

private:
    void remember(Sequence from, Sequence to, cast::wire::GapReason reason) {
        gaps_.add(from, to, reason, first_kept());
    }
    void skip_gone_front();
    bool could_join(std::size_t i) const;
    bool joined(StoredBatch& before, const StoredBatch& batch);
    void join_gone(std::size_t i);
    void join_more_gone();
    std::size_t find_around_hole(Sequence sequence) const;
    void near_hole();
    void add_chunk(Transaction& transaction, std::size_t begin, std::size_t end);
    void join();

    StreamId id_;
    Sequence last_ = 0;
    std::uint64_t offset_ = 0;
    Usage usage_;
    std::size_t split_ = 0;
    std::size_t gone_batches_ = 0;
    std::size_t joinable_ = 0;             // about so many of them follow another one
    std::size_t hole_ = 0, hole_end_ = 0;  // while they are joined, the joined ones lie before it; else 0
    std::deque<StoredBatch> batches_;
    Gaps gaps_;
    std::vector<PagedRange> paged_out_;
    Sequence base_ = 0;    // the last one when this epoch began
    Sequence began_ = 0;   // ...and when the one before did; or less
    Sequence saved_ = 0;   // handed to a transaction
    Sequence stored_ = 0;  // known to be in the store
    Sequence popped_ = 0;  // let go through here
    Sequence erased_ = 0;  // the store was told so
    Sequence chunk_first_ = 0;
    Sequence chunk_last_ = 0;
    std::uint32_t chunk_bytes_ = 0;
};

}  // namespace broker
