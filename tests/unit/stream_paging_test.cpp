// core/stream/stream_paging.cpp: what goes to the store and leaves memory, what comes back, and how the sums follow it.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/stream/stream.hpp"
#include "wire/frame.hpp"
#include "wire/record.hpp"

using namespace broker;
using cast::wire::GapReason;
using cast::wire::Slice;

namespace {

Slice paged_out_frame(std::uint32_t count, std::uint32_t ttl_ms, std::size_t filling) {
    std::string out;
    cast::wire::begin_frame(out, cast::wire::Verb::deliver);
    cast::wire::BatchHeader header;
    header.ttl_ms = ttl_ms;
    header.target = "bob";
    header.sender = "alice";
    cast::wire::begin_batch(out, header);
    for (std::uint32_t i = 0; i < count; ++i) cast::wire::append_record(out, "text", {}, std::string(filling, 'x'));
    cast::wire::seal_batch(out, cast::wire::kFrameHeader, 9, count, 0);
    return Slice::take(std::move(out));
}

/// A stream that is kept, and the chunks that its store would have.
struct PagedStreamFixture {
    UsageTotals totals;
    Stream stream{42, totals};
    std::vector<ChunkRow> chunks;
    std::vector<Erasure> erasures;

    PagedStreamFixture() { stream.restore(StreamRow{}, {}); }

    void append(std::uint32_t count, std::size_t filling = 10, std::uint32_t ttl_ms = 0, int at_s = 0) {
        const Slice bytes = paged_out_frame(count, ttl_ms, filling);
        const auto batch = cast::wire::read_batch(bytes.view().substr(cast::wire::kFrameHeader));
        stream.append(batch->header, bytes, Now{at_s * kSecond, std::uint64_t(1000 + at_s) * kSecond});
    }
    /// One transaction, which commits.
    void keep() {
        Transaction t;
        stream.save(t);
        for (ChunkRow& row : t.chunks) chunks.push_back(std::move(row));
        for (const Erasure& e : t.erasures) erasures.push_back(e);
        stream.stored(stream.saved());
    }
    /// The batches of the stored frames from..through, as a reader of the store brings them.
    std::vector<StoredBatch> recall(Sequence from, Sequence through, int at_s = 0) const {
        std::vector<StoredBatch> batches;
        for (const ChunkRow& row : chunks)
            for (const Slice& bytes : row.frames) {
                const auto batch = cast::wire::read_batch(bytes.view().substr(cast::wire::kFrameHeader));
                if (batch->last_sequence() < from || batch->header.sequence > through) continue;
                batches.push_back(
                    recall_batch(bytes, batch->header, Now{at_s * kSecond, std::uint64_t(1000 + at_s) * kSecond}));
            }
        return batches;
    }
    StreamRow row() const {
        StreamRow row;
        stream.fill(row);
        return row;
    }
    /// Sums and order hold, whatever was done.
    void check(std::size_t messages) const {
        CHECK(stream.messages() == messages);
        std::size_t bytes = 0, count = 0, paged_out = 0;
        for (std::size_t i = 0; i < stream.batches(); ++i) {
            if (!stream[i].gone) bytes += stream[i].size;
            if (!stream[i].gone) count += stream[i].count;
            if (i > 0) CHECK(stream[i].first > stream[i - 1].last());
            if (i > 0 && (i != stream.split() || !stream.has_paged_out()))
                CHECK(stream[i].offset == stream[i - 1].end());
        }
        for (const PagedRange& range : stream.paged_out()) {
            paged_out += range.bytes;
            count += range.messages;
        }
        CHECK(stream.paged_out_bytes() == paged_out);
        CHECK(stream.bytes() == bytes + paged_out);
        CHECK(count == messages);
    }
};

}  // namespace

TEST_CASE_FIXTURE(PagedStreamFixture,
                  "what is saved goes into chunks once; a small last one grows, a large one does not") {
    append(2);
    append(3);
    keep();
    REQUIRE(chunks.size() == 1);
    CHECK(chunks[0].first == 1);
    CHECK(chunks[0].last == 5);
    CHECK(chunks[0].messages == 5);
    CHECK(chunks[0].extends == 0);
    CHECK(chunks[0].frames.size() == 2);
    append(1, 2000);
    keep();
    REQUIRE(chunks.size() == 2);
    CHECK(chunks[1].extends == 1);  // goes to the end of the small one
    CHECK(chunks[1].first == 6);
    append(1, 2000);
    keep();
    CHECK(chunks[2].extends == 0);  // the two would be more than a row holds
    keep();
    CHECK(chunks.size() == 3);
    CHECK(row().chunk_first == 7);
    check(7);
}

TEST_CASE_FIXTURE(PagedStreamFixture, "a chunk holds 128 KiB, or one batch that is larger") {
    for (int i = 0; i < 5; ++i) append(1, 60000);
    append(1, 200000);
    keep();
    REQUIRE(chunks.size() == 4);
    CHECK(chunks[0].last == 2);
    CHECK(chunks[1].last == 4);
    CHECK(chunks[2].last == 5);
    CHECK(chunks[3].first == 6);
}

TEST_CASE_FIXTURE(PagedStreamFixture, "a chunk that is passed does not grow, and the store is told once what may go") {
    append(2);
    keep();
    stream.pop_front();
    append(1);
    keep();
    REQUIRE(chunks.size() == 2);
    CHECK(chunks[1].extends == 0);
    REQUIRE(erasures.size() == 1);
    CHECK(erasures[0].through == 2);
    keep();
    CHECK(erasures.size() == 1);
    CHECK(row().passed == 2);
    check(1);
}

TEST_CASE_FIXTURE(PagedStreamFixture, "only what the store is known to hold leaves memory") {
    append(2);
    keep();
    append(3);
    stream.page_out(0, stream.batches());
    CHECK(stream.batches() == 1);
    CHECK(stream.has_paged_out());
    CHECK(stream.paged_out_at(1));
    CHECK(stream.paged_out_at(2));
    CHECK_FALSE(stream.paged_out_at(3));
    CHECK(stream.first_kept() == 1);
    CHECK(stream.missing_upto(1, stream.find(1)) == 0);  // nothing is missing: it is paged_out
    check(5);
}

TEST_CASE_FIXTURE(PagedStreamFixture,
                  "what expires before the paged-out part is joined, and what is read back still lies behind it") {
    for (int i = 0; i < 6; ++i) append(2);
    keep();
    stream.page_out(3, 5);  // 7 to 10
    stream.expire(1);
    stream.expire(2);
    CHECK(stream.batches() == 3);
    CHECK(stream.split() == 2);
    CHECK(stream[1].last() == 6);
    stream.page_in(recall(7, 10), 10);
    REQUIRE(stream.batches() == 5);
    CHECK(stream[2].first == 7);
    CHECK(stream[4].first == 11);
}

TEST_CASE_FIXTURE(PagedStreamFixture, "a paged-out range is as small as is asked for") {
    for (int i = 0; i < 6; ++i) append(2);
    keep();
    stream.page_out(0, 6, {.messages = 4});
    REQUIRE(stream.paged_out().size() == 3);
    CHECK(stream.paged_out()[0].last == 4);
    CHECK(stream.paged_out()[1].last == 8);
    check(12);
}

TEST_CASE_FIXTURE(PagedStreamFixture,
                  "what is read back lies before the rest of what is paged_out, and behind what is in memory") {
    for (int i = 0; i < 6; ++i) append(2);
    keep();
    stream.page_out(1, 5);  // 3 to 10; 1, 2 and 11, 12 stay
    CHECK(stream.split() == 1);
    check(12);
    stream.page_in(recall(3, 6), 6);
    CHECK(stream.split() == 3);
    CHECK(stream.paged_out().front().first == 7);
    check(12);
    stream.page_in(recall(7, 10), 10);
    CHECK_FALSE(stream.has_paged_out());
    CHECK(stream.batches() == 6);
    check(12);
    for (int i = 0; i < 6; ++i) stream.pop_front();
    CHECK(stream.bytes() == 0);
    CHECK(stream.empty());
}

TEST_CASE_FIXTURE(PagedStreamFixture, "a hole in what is read back leaves no sums behind") {
    for (int i = 0; i < 4; ++i) append(2);
    keep();
    stream.page_out(0, 4);
    stream.page_in(recall(5, 8), 8);  // the chunk of 1 to 4 was gone
    check(4);
    CHECK(stream.missing_upto(1, stream.find(1)) == 4);
}

TEST_CASE_FIXTURE(PagedStreamFixture, "what expired in the store is a gap when it comes back") {
    append(2, 10, 1000);
    append(2);
    keep();
    stream.page_out(0, 2);
    stream.page_in(recall(1, 4, 5), 4);
    CHECK(stream.front().first == 3);
    check(2);
    GapReason reason = GapReason::lost;
    stream.gaps().for_each(1, 2, [&](const GoneRange& range) { reason = range.reason; });
    CHECK(reason == GapReason::expired);
}

TEST_CASE_FIXTURE(PagedStreamFixture, "paged_out ranges go from the front with a reason") {
    for (int i = 0; i < 4; ++i) append(1, 50000);
    keep();
    stream.page_out(0, 4);
    REQUIRE(stream.paged_out().size() == 2);  // of 64 KiB and more
    CHECK(stream.pop_paged_out(GapReason::retention).last == 2);
    check(2);
    CHECK(stream.first_kept() == 3);
    keep();
    REQUIRE(erasures.size() == 1);
    CHECK(erasures[0].through == 2);
}

TEST_CASE_FIXTURE(PagedStreamFixture, "a stream that comes back from its row goes on where it was") {
    append(2);
    append(3);
    keep();
    stream.pop_front();
    const StreamRow kept = row();
    UsageTotals again_totals;
    Stream again(42, again_totals);
    again.restore(kept, {{3, 5, kept.messages, kept.bytes, 0}});
    CHECK(again.last() == 5);
    CHECK(again.last(1) == 5);
    CHECK(again.last(2) == 0);
    CHECK(again.first_kept() == 3);
    CHECK(again.messages() == 3);
    CHECK(again.bytes() == stream.bytes());
    Transaction t;
    again.save(t);
    CHECK(t.chunks.empty());
    REQUIRE(t.erasures.size() == 1);  // the last one may be missing: it is repeated
    CHECK(t.erasures[0].through == 2);
}

TEST_CASE("a batch that is read back is as old as it is, and never younger than now when the clock was set back") {
    const Slice bytes = paged_out_frame(1, 1000, 10);
    auto header = cast::wire::read_batch(bytes.view().substr(cast::wire::kFrameHeader))->header;
    header.arrival_us = 50 * kSecond;
    CHECK(recall_batch(bytes, header, Now{7 * kSecond, 52 * kSecond}).arrival_us == 5 * kSecond);
    CHECK(recall_batch(bytes, header, Now{7 * kSecond, 52 * kSecond}).gone);
    CHECK(recall_batch(bytes, header, Now{7 * kSecond, 40 * kSecond}).arrival_us == 7 * kSecond);
    CHECK_FALSE(recall_batch(bytes, header, Now{7 * kSecond, 40 * kSecond}).gone);
}
