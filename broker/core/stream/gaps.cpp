// Adding to the ranges and asking them. Pure; broker's thread.
#include "core/stream/gaps.hpp"

#include <iterator>

namespace broker {

using cast::wire::GapReason;

void Gaps::add_to(Ranges& ranges, GoneRange range) {
    auto at = ranges.begin() + (reaching(ranges, range.from) - ranges.cbegin());
    if (at != ranges.end() && at->from < range.from) {  // reaches in from before
        if (at->reason == range.reason)
            range.from = at->from;
        else
            range.from = (at++)->to + 1;
    }
    auto end = at;
    while (end != ranges.end() && end->to <= range.to) ++end;
    if (end != ranges.end() && end->from <= range.to) {  // reaches beyond
        if (end->reason == range.reason)
            range.to = (end++)->to;
        else
            range.to = end->from - 1;
    }
    if (range.from > range.to) return;
    if (at != ranges.begin() && std::prev(at)->reason == range.reason && std::prev(at)->to + 1 == range.from)
        range.from = (--at)->from;
    if (end != ranges.end() && end->reason == range.reason && range.to + 1 == end->from) range.to = (end++)->to;
    if (at == end) {
        ranges.insert(at, range);
        return;
    }
    *at = range;
    ranges.erase(std::next(at), end);
}

void Gaps::add(Sequence from, Sequence to, GapReason reason, Sequence first_kept) {
    if (reason == GapReason::redeliveries) return add_to(given_up_, {from, to, reason});
    add_to(ranges_, {from, to, reason});
    // The later reason stands for both.
    if (ranges_.size() > kRanges && ranges_[1].to < first_kept) {
        ranges_[1].from = ranges_[0].from;
        ranges_.erase(ranges_.begin());
    }
}

bool Gaps::knows(Sequence sequence) const {
    const auto at = reaching(ranges_, sequence);
    return at != ranges_.end() && at->from <= sequence;
}

Sequence Gaps::past(Sequence sequence) const {
    for (Sequence before = 0; before != sequence;) {
        before = sequence;
        for (const Ranges* ranges : {&ranges_, &given_up_}) {
            const auto at = reaching(*ranges, sequence);
            if (at != ranges->end() && at->from <= sequence) sequence = at->to + 1;
        }
    }
    return sequence;
}

bool Gaps::room_for_expired(Sequence from) const {
    if (ranges_.size() < kRanges) return true;
    const auto at = reaching(ranges_, from - 1);
    return at != ranges_.end() && at->reason == GapReason::expired && at->from < from && at->to + 1 >= from;
}

void Gaps::forget_in(Ranges& ranges, Sequence through) {
    auto end = ranges.begin();
    while (end != ranges.end() && end->to <= through) ++end;
    ranges.erase(ranges.begin(), end);
}

void Gaps::forget_from(Sequence sequence) {
    for (Ranges* ranges : {&ranges_, &given_up_})
        std::erase_if(*ranges, [sequence](const GoneRange& range) { return range.from >= sequence; });
}

void Gaps::fill(std::vector<GoneRange>& rows) const {
    rows.resize(ranges_.size() + given_up_.size());
    std::merge(ranges_.begin(), ranges_.end(), given_up_.begin(), given_up_.end(), rows.begin(),
               [](const GoneRange& a, const GoneRange& b) { return a.from < b.from; });
}

void Gaps::restore(const std::vector<GoneRange>& rows) {
    for (const GoneRange& range : rows)
        if (range.from <= range.to) add_to(range.reason == GapReason::redeliveries ? given_up_ : ranges_, range);
}

}  // namespace broker
