// core/stream/gaps.hpp: ranges that do not overlap, against a plain list of what is gone why.
#include "core/stream/gaps.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using broker::Gaps;
using broker::GoneRange;
using broker::Sequence;
using cast::wire::GapReason;

namespace {

constexpr Sequence kEnd = ~Sequence{0};

std::string announced(const Gaps& gaps, Sequence from, Sequence to) {
    static constexpr const char* kNames[] = {"?",    "expired",   "retention",   "purged",
                                             "lost", "malformed", "redeliveries"};
    std::string out;
    gaps.for_each(from, to, [&](const GoneRange& range) {
        out += std::to_string(range.from) + "-" + std::to_string(range.to) + " " +
               kNames[static_cast<int>(range.reason)] + "; ";
    });
    return out;
}

}  // namespace

TEST_CASE("gaps: a later range stands for what lies in it, not for what reaches beyond it") {
    Gaps gaps;
    gaps.add(10, 19, GapReason::expired, 1);
    gaps.add(30, 39, GapReason::expired, 1);
    gaps.add(50, 59, GapReason::expired, 1);
    gaps.add(15, 54, GapReason::purged, 1);
    CHECK(announced(gaps, 1, 60) == "1-9 lost; 10-19 expired; 20-49 purged; 50-59 expired; 60-60 lost; ");
    gaps.add(12, 13, GapReason::purged, 1);  // known
    CHECK(gaps.ranges().size() == 3);
    CHECK(announced(gaps, 19, 20) == "19-19 expired; 20-20 purged; ");
}

TEST_CASE("gaps: neighbours of one reason are one, in whatever order they come") {
    Gaps gaps;
    for (const Sequence s : {5, 1, 3, 2, 4, 7}) gaps.add(s, s, GapReason::expired, 1);
    CHECK(gaps.ranges() == std::vector<GoneRange>{{1, 5, GapReason::expired}, {7, 7, GapReason::expired}});
    gaps.add(3, 8, GapReason::expired, 1);
    CHECK(gaps.ranges() == std::vector<GoneRange>{{1, 8, GapReason::expired}});
}

TEST_CASE("gaps: what was given up is told, and is not a batch that is gone") {
    Gaps gaps;
    gaps.add(3, 3, GapReason::redeliveries, 1);
    CHECK(gaps.given_up() == 3);
    CHECK_FALSE(gaps.knows(3));
    CHECK(gaps.past(3) == 4);
    CHECK(announced(gaps, 2, 4) == "2-2 lost; 3-3 redeliveries; 4-4 lost; ");
    gaps.add(4, 6, GapReason::expired, 1);
    CHECK(gaps.past(3) == 7);
    gaps.add(3, 3, GapReason::expired, 1);
    CHECK(gaps.knows(3));
    CHECK(gaps.given_up() == 3);
    std::vector<GoneRange> rows;
    gaps.fill(rows);
    Gaps again;
    again.restore(rows);
    CHECK(again.ranges() == gaps.ranges());
    CHECK(again.all_given_up() == gaps.all_given_up());
    gaps.forget_through(3);
    CHECK(gaps.given_up() == 0);
    CHECK(gaps.ranges() == std::vector<GoneRange>{{3, 6, GapReason::expired}});
    gaps.forget_from(3);
    CHECK(gaps.ranges().empty());
}

TEST_CASE("gaps: there is room for thousands, then for what continues one, and the oldest become one") {
    Gaps gaps;
    for (Sequence s = 2; s <= 2 * Gaps::kRanges; s += 2) {
        CHECK(gaps.room_for_expired(s));
        gaps.add(s, s, GapReason::expired, 1);
    }
    CHECK_FALSE(gaps.room_for_expired(2 * Gaps::kRanges + 2));
    CHECK(gaps.room_for_expired(2 * Gaps::kRanges + 1));
    CHECK(gaps.room_for_expired(11));
    gaps.add(3000, 3000, GapReason::purged, 1);
    CHECK(gaps.ranges().size() == Gaps::kRanges + 1);  // all is kept
    gaps.add(4000, 4000, GapReason::purged, kEnd);
    CHECK(gaps.ranges().size() == Gaps::kRanges + 1);
    CHECK(gaps.ranges().front() == GoneRange{2, 4, GapReason::expired});
}

TEST_CASE("gaps: they agree with a list of all numbers") {
    std::mt19937 random(3);
    for (int round = 0; round < 300; ++round) {
        CAPTURE(round);
        constexpr Sequence kLast = 60;
        Gaps gaps;
        std::vector<GapReason> reasons(kLast + 2, GapReason::lost);
        for (int n = 0; n < 30; ++n) {
            const Sequence from = 1 + random() % kLast, to = std::min<Sequence>(kLast, from + random() % 8);
            const GapReason reason = random() % 2 == 0 ? GapReason::expired : GapReason::purged;
            gaps.add(from, to, reason, 1);
            for (Sequence s = from; s <= to; ++s)
                if (reasons[s] == GapReason::lost) reasons[s] = GapReason::retention;  // one of the two
            Sequence before = 0;
            for (const GoneRange& range : gaps.ranges()) {
                REQUIRE(range.from > before);
                REQUIRE(range.to >= range.from);
                before = range.to;
            }
            bool good = true;
            for (Sequence s = 1; s <= kLast; ++s) {
                Sequence past = s;
                while (reasons[past] != GapReason::lost) ++past;
                good = good && gaps.knows(s) == (reasons[s] != GapReason::lost) && gaps.past(s) == past;
            }
            Sequence next = 1;
            gaps.for_each(1, kLast, [&](const GoneRange& range) {
                REQUIRE(range.from == next);
                for (Sequence s = range.from; s <= range.to; ++s)
                    good = good && (range.reason == GapReason::lost) == (reasons[s] == GapReason::lost);
                next = range.to + 1;
            });
            REQUIRE(good);
            REQUIRE(next == kLast + 1);
        }
    }
}
