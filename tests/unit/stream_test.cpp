// core/stream/stream.hpp: numbering, letting go, and remembering what is gone.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "core/stream/stream.hpp"
#include "wire/frame.hpp"

using namespace broker;
using cast::wire::GapReason;

namespace {

/// Appends a batch of `count` empty records at a time in seconds; returns its size in the stream.
std::size_t append(Stream& stream, std::uint32_t count, int at_s = 0, std::uint32_t ttl_ms = 0) {
    std::string frame;
    cast::wire::begin_frame(frame, cast::wire::Verb::deliver);
    cast::wire::BatchHeader header;
    header.count = count;
    header.ttl_ms = ttl_ms;
    header.session = 7;
    header.number = 9;
    header.target = "bob";
    header.sender = "alice";
    cast::wire::begin_batch(frame, header);
    for (std::uint32_t i = 0; i < count; ++i) frame += std::string("\1\0", 2);
    cast::wire::seal_batch(frame, cast::wire::kFrameHeader, 9, count, 0);
    const std::size_t size = frame.size();
    stream.append(header, cast::wire::Slice::copy(frame), Now{at_s * kSecond, 1000});
    return size;
}

std::string gaps(const Stream& stream, Sequence from, Sequence to) {
    static constexpr const char* kNames[] = {"?", "expired", "retention", "purged", "lost", "malformed"};
    std::string out;
    stream.gaps().for_each(from, to, [&](const GoneRange& range) {
        out += std::to_string(range.from) + "-" + std::to_string(range.to) + " " +
               kNames[static_cast<int>(range.reason)] + "; ";
    });
    return out;
}

}  // namespace

TEST_CASE("a stream numbers its records from 1 and writes stream, sequence and arrival into the batch") {
    UsageTotals totals;
    Stream stream(42, totals);
    CHECK(stream.last() == 0);
    CHECK(stream.empty());
    append(stream, 3);
    append(stream, 1);
    CHECK(stream.last() == 4);
    CHECK(stream.messages() == 4);
    CHECK(stream.batches() == 2);
    CHECK(stream[0].first == 1);
    CHECK(stream[0].last() == 3);
    CHECK(stream[1].first == 4);
    const auto batch = cast::wire::read_batch(stream[1].frame.view().substr(cast::wire::kFrameHeader));
    REQUIRE(batch.has_value());
    CHECK(batch->header.stream == 42);
    CHECK(batch->header.sequence == 4);
    CHECK(batch->header.arrival_us == 1000);
}

TEST_CASE("a batch is found by any of its sequences") {
    UsageTotals totals;
    Stream stream(1, totals);
    for (std::uint32_t count : {3, 1, 5}) append(stream, count);
    const std::size_t want[] = {0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 3};
    for (Sequence s = 0; s < 12; ++s) {
        CAPTURE(s);
        CHECK(stream.find(s) == want[s]);
    }
    CHECK(stream.find(~0ull) == 3);
}

TEST_CASE("bytes and messages count what is held, numbers are never used again") {
    UsageTotals totals;
    Stream stream(1, totals);
    const std::size_t first = append(stream, 2), second = append(stream, 3);
    CHECK(stream.bytes() == first + second);
    stream.pop_front();
    CHECK(stream.bytes() == second);
    CHECK(stream.messages() == 3);
    CHECK(stream.first_kept() == 3);
    stream.pop_front();
    CHECK(stream.bytes() == 0);
    CHECK(stream.first_kept() == 6);
    append(stream, 1);
    CHECK(stream.back().first == 6);
    CHECK(stream.back().offset == first + second);
}

TEST_CASE("what is let go with a reason becomes a gap, neighbours of one reason become one") {
    UsageTotals totals;
    Stream stream(1, totals);
    for (int i = 0; i < 6; ++i) append(stream, 10);
    stream.pop_front(GapReason::retention);
    stream.pop_front(GapReason::retention);
    stream.pop_front(GapReason::purged);
    CHECK(gaps(stream, 1, 30) == "1-20 retention; 21-30 purged; ");
    CHECK(gaps(stream, 5, 25) == "5-20 retention; 21-25 purged; ");
    CHECK(gaps(stream, 21, 21) == "21-21 purged; ");
    CHECK(gaps(stream, 31, 30) == "");
    stream.forget_gaps(20);
    CHECK(gaps(stream, 15, 25) == "15-20 lost; 21-25 purged; ");
}

TEST_CASE("numbers that nothing explains are lost") {
    UsageTotals totals;
    Stream stream(1, totals);
    append(stream, 4);
    stream.pop_front();
    CHECK(gaps(stream, 1, 4) == "1-4 lost; ");
}

TEST_CASE("an expired batch lets its bytes go, and closes up when it stands in front") {
    UsageTotals totals;
    Stream stream(1, totals);
    const std::size_t first = append(stream, 1, 0, 1000);
    append(stream, 1, 0, 1000);
    append(stream, 1, 0, 5000);
    const std::size_t all = stream.bytes();
    CHECK_FALSE(stream[0].expired(999 * kMs));
    CHECK(stream[0].expired(1000 * kMs));
    stream.expire(1);
    stream.expire(1);  // twice is once
    CHECK(stream.bytes() == all - first);
    CHECK(stream.messages() == 2);
    CHECK(stream.batches() == 3);
    CHECK(stream[1].gone);
    stream.expire(0);
    CHECK(stream.batches() == 1);
    CHECK(stream.front().first == 3);
    CHECK(gaps(stream, 1, 2) == "1-2 expired; ");
    stream.pop_front(GapReason::retention);
    CHECK(gaps(stream, 1, 3) == "1-2 expired; 3-3 retention; ");
}

TEST_CASE("what expires behind one that is kept is one batch, in whatever order") {
    UsageTotals totals;
    Stream stream(1, totals);
    append(stream, 1);
    for (int i = 0; i < 99; ++i) append(stream, 2, 0, 1000);
    append(stream, 1);
    for (const broker::Sequence first : {50u, 52u, 48u, 54u, 90u}) stream.expire(stream.find(first));
    CHECK(stream.batches() == 101 - 3);
    for (broker::Sequence first = 2; first < 200; first += 2) {
        const std::size_t i = stream.find(first);
        if (stream[i].first == first) stream.expire(i);
    }
    REQUIRE(stream.batches() == 3);
    CHECK(stream[1].gone);
    CHECK(stream[1].first == 2);
    CHECK(stream[1].last() == 199);
    CHECK(stream[2].first == 200);
    CHECK(stream[1].offset == stream[0].end());
    CHECK(stream[2].offset == stream[1].end());
    CHECK(stream.messages() == 2);
    broker::StreamRow row;
    stream.fill(row);
    CHECK(row.gone == std::vector<broker::GoneRange>{{2, 199, GapReason::expired}});
    stream.pop_front();
    CHECK(stream.batches() == 2);
    stream.pop_front();
    CHECK(gaps(stream, 2, 199) == "2-199 expired; ");
}

TEST_CASE("thousands that expire amid others, in any order, become few, a few with each that expires") {
    std::mt19937 random(7);
    for (int round = 0; round < 4; ++round) {
        CAPTURE(round);
        UsageTotals totals;
        Stream stream(1, totals);
        std::map<broker::Sequence, std::uint32_t> held;  // first -> count
        std::vector<broker::Sequence> order;
        const auto add = [&](std::uint32_t count) {
            append(stream, count, 0, 1000);
            held[stream.last() - count + 1] = count;
            order.push_back(stream.last() - count + 1);
        };
        const auto agrees = [&] {
            std::size_t messages = 0, n = 0;
            broker::Sequence next = stream.batches() > 0 ? stream.front().first : 0;
            std::uint64_t offset = stream.batches() > 0 ? stream.front().offset : 0;
            bool good = true;  // one check for all of them: they are many
            for (std::size_t i = 0; i < stream.batches(); i = stream.next(i), ++n) {
                const broker::StoredBatch& batch = stream[i];
                good = good && batch.count > 0 && batch.first == next && batch.offset == offset;
                good = good && stream.before(i) == n && stream.find(batch.first) == i && stream.find(batch.last()) == i;
                const auto kept = held.find(batch.first);
                good = good && (batch.gone || (kept != held.end() && kept->second == batch.count));
                messages += batch.gone ? 0 : batch.count;
                next = batch.last() + 1, offset = batch.end();
            }
            REQUIRE(good);
            CHECK(stream.find(stream.last() + 1) == stream.batches());
            CHECK(next == (stream.batches() > 0 ? stream.last() + 1 : 0));
            CHECK(messages == stream.messages());
        };
        for (int i = 0; i < 12'000; ++i) add(1 + random() % 3);
        std::shuffle(order.begin(), order.end(), random);
        std::size_t most = 0;
        for (std::size_t n = 0; n < order.size(); ++n) {
            if (held.find(order[n]) == held.end() || order[n] == 1) continue;  // popped; the first one stays for long
            const std::size_t i = stream.find(order[n]);
            REQUIRE(stream[i].first == order[n]);
            stream.expire(i);
            held.erase(order[n]);
            if (n > order.size() / 2) most = std::max(most, stream.batches() - stream.batches_held());
            if (n % 1024 == 0) agrees();
            if (round == 1 && n % 3 == 0 && n < 9'000) add(1);
            if (round == 2 && n % 8 == 7 && stream.batches() > 0) {
                if (const auto batch = stream.pop_front(); !batch.gone) held.erase(batch.first);
            }
        }
        agrees();
        CHECK(most < 8'000);
        if (round != 0) continue;
        CHECK(stream.batches() < 3'000);  // of 12,000 marks
        CHECK(gaps(stream, 1, 0).empty());
        (void)stream.pop_front();
        while (stream.batches() > 0) (void)stream.pop_front();
        CHECK(gaps(stream, 2, stream.last()) == "2-" + std::to_string(stream.last()) + " expired; ");
    }
}

TEST_CASE("the memory of gaps is bounded: the oldest ranges become one") {
    UsageTotals totals;
    Stream stream(1, totals);
    for (int i = 0; i < 4000; ++i) append(stream, 1);
    for (int i = 0; i < 2000; ++i) {
        stream.pop_front(GapReason::retention);
        stream.pop_front(GapReason::purged);
    }
    int ranges = 0;
    Sequence next = 1;
    stream.gaps().for_each(1, 4000, [&](const GoneRange& range) {
        CHECK(range.from == next);
        CHECK(range.reason != GapReason::lost);
        next = range.to + 1;
        ++ranges;
    });
    CHECK(next == 4001);
    CHECK(ranges == 1024);
}
