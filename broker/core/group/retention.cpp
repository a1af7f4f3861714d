// Groups, a third part: what they keep too long, or more than they may. Pure; broker's thread.
#include <utility>

#include "core/group/groups.hpp"

namespace broker {

using cast::wire::GapReason;

bool Groups::past_age(const Group& group, Now now) const {
    const Stream& stream = group.stream;
    const std::int64_t oldest_us =
        stream.front_in_memory() ? stream.front().arrival_us : stream.paged_out().front().arrival_us;
    return now.mono_us - oldest_us > state_.config.group_age_us;
}

bool Groups::past_retention(const Group& group, Now now) const {
    const Stream& stream = group.stream;
    return stream.bytes() > state_.config.group_bytes || stream.messages() > state_.config.group_messages ||
           past_age(group, now);
}

/// In steps, for the limits may have been larger; true: there is more to be let go.
bool Groups::retain(Group& group, Now now) {
    const auto beyond = [&] {
        return group.stream.batches() + group.stream.paged_out().size() > 1 && past_retention(group, now);
    };
    for (int i = 0; i < kDropsAtOnce && beyond(); ++i) drop_front(group, GapReason::retention);
    return beyond();
}

void Groups::shrink() {
    shrinking_.assign(1, state_.directory.broadcast().stream.id());
    state_.directory.for_each_group([&](Group& group) { shrinking_.push_back(group.stream.id()); });
}

bool Groups::trim_to_limits(Now now) {
    for (int i = 0; i < kDropsAtOnce && !shrinking_.empty(); ++i) {
        Group* group = state_.directory.owner(shrinking_.back()).group;
        if (group != nullptr && retain(*group, now)) return true;
        shrinking_.pop_back();
    }
    return !shrinking_.empty();
}

void Groups::sweep(Now now) {
    save_cursors();
    const auto list = [&](const Group& group) { sweeping_.push_back(group.stream.id()); };
    if (!sweeping_.empty()) return;  // what was listed before is not through
    list(state_.directory.broadcast());
    state_.directory.for_each_group(list);
    go_on(now);
}

void Groups::go_on(Now now) {
    for (int i = 0; i < kDropsAtOnce && !sweeping_.empty() && (i == 0 || state_.may_go_on()); ++i) {
        Group* group = state_.directory.owner(sweeping_.front()).group;
        if (group != nullptr && sweep_one(*group, now)) continue;
        sweeping_.pop_front();
    }
}

/// True: there is more to be let go.
bool Groups::sweep_one(Group& group, Now now) {
    const std::size_t before = group.stream.batches();
    const bool more = retain(group, now);
    if (!more && !group.stream.empty() && past_age(group, now)) drop_front(group, GapReason::retention);
    if (std::exchange(group.may_trim, false)) trim(group);
    state_.budget.spend(before - group.stream.batches());
    return more;
}

}  // namespace broker
