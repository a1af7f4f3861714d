// Gaps: what a stream let go of, as ranges with a reason, so that a reader is never left to guess. They do not overlap,
// so that one is found among thousands at once. What was given up (redeliveries) is known apart, for it is the end of
// single messages and not of their batch. Pure; broker's thread.
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/store.hpp"
#include "core/types.hpp"
#include "wire/messages.hpp"

namespace broker {

class Gaps {
public:
    /// So many are known apart; of more, those become one between which nothing is kept.
    static constexpr std::size_t kRanges = 1024;

    /// From..to are gone. The reason stands for what was known to be gone amid them, too; not for what reaches beyond.
    /// What is kept begins at `first_kept`: before it, ranges may become one.
    void add(Sequence from, Sequence to, cast::wire::GapReason reason, Sequence first_kept);
    /// It is gone with its whole batch: its end was told.
    bool knows(Sequence sequence) const;
    /// The first one from here on that is not gone, nor given up.
    Sequence past(Sequence sequence) const;
    /// There is room to say of what begins here, amid what is kept, that it has expired.
    bool room_for_expired(Sequence from) const;
    /// The first one that was given up and that no reader is known to have been told of; 0: none.
    Sequence given_up() const { return given_up_.empty() ? 0 : given_up_.front().from; }
    const std::vector<GoneRange>& all_given_up() const { return given_up_; }
    const std::vector<GoneRange>& ranges() const { return ranges_; }  ///< the others

    /// Every reader is past `sequence`.
    void forget_through(Sequence sequence) {
        if (!ranges_.empty()) forget_in(ranges_, sequence);
        if (!given_up_.empty()) forget_in(given_up_, sequence);
    }
    void forget_from(Sequence sequence);

    /// Visits what is missing of from..to, in order: visit(GoneRange). Numbers that no range explains are `lost`.
    template <class Visit>
    void for_each(Sequence from, Sequence to, Visit&& visit) const {
        auto at = reaching(ranges_, from), lone = reaching(given_up_, from);
        while (from <= to) {
            while (at != ranges_.end() && at->to < from) ++at;
            while (lone != given_up_.end() && lone->to < from) ++lone;
            const bool gone = at != ranges_.end() && at->from <= from;
            const bool given = !gone && lone != given_up_.end() && lone->from <= from;
            Sequence end = gone ? at->to : given ? lone->to : to;
            if (!gone && at != ranges_.end()) end = std::min(end, at->from - 1);
            if (!gone && !given && lone != given_up_.end()) end = std::min(end, lone->from - 1);
            end = std::min(end, to);
            visit(GoneRange{from, end, gone ? at->reason : given ? lone->reason : cast::wire::GapReason::lost});
            from = end + 1;
        }
    }

    /// As the store has them: all, by their beginnings.
    void fill(std::vector<GoneRange>& rows) const;
    void restore(const std::vector<GoneRange>& rows);

private:
    using Ranges = std::vector<GoneRange>;

    /// The first one that ends there or behind it.
    static Ranges::const_iterator reaching(const Ranges& ranges, Sequence sequence) {
        if (ranges.empty() || ranges.back().to < sequence) return ranges.end();
        return std::lower_bound(ranges.begin(), ranges.end(), sequence,
                                [](const GoneRange& range, Sequence s) { return range.to < s; });
    }
    static void add_to(Ranges& ranges, GoneRange range);
    static void forget_in(Ranges& ranges, Sequence through);

    Ranges ranges_;    // ascending, neighbours of one reason merged; hardly more than kRanges
    Ranges given_up_;  // the same
};

}  // namespace broker
