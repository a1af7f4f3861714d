// What each kind of stream writes, pages out, and does with a page. Pure; broker's thread.
#include "core/persistence/stored_kinds.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "wire/frame.hpp"

namespace broker {
namespace {

constexpr std::uint32_t kClosedAStep = 100;  // messages of a batch that ends
constexpr int kSteps = 64;                   // one paged-out range of a group is at most this part of what it may keep
constexpr std::size_t kGroupMemory = 4u << 20;  // bytes of a group that is read which stay in memory, for repairs

StreamRow& write_stream(Stream& stream, Transaction& t) {
    stream.touched = false;
    stream.save(t);
    StreamRow& row = t.streams.emplace_back();
    stream.fill(row);
    return row;
}

Sequence write_lane(Lane& lane, Transaction& t) {
    StreamRow& row = write_stream(lane.stream, t);
    row.kind = static_cast<std::uint8_t>(lane.priority);
    if (lane.node != nullptr) row.owner = lane.node->name;
    row.floor = lane.cursor;
    row.high = lane.high_sent;
    row.delivery_attempts = lane.delivery_attempts;
    return lane.stream.saved();
}

/// Batches that were read back, through which sequence they reach, and whether nothing of the answer is left.
struct Page {
    std::vector<StoredBatch> batches;
    Sequence through = 0;
    bool whole = false;
};

/// Takes the batches that lie in begin..last out of the answer, the first one in any case, while `may_take` says so of
/// the next one.
template <class MayTake>
Page take_page(Loaded& loaded, Sequence begin, Sequence last, Now now, MayTake&& may_take) {
    Page page;
    std::size_t at = 0;
    for (; at < loaded.frames.size(); ++at) {
        const cast::wire::Slice& frame = loaded.frames[at];
        const auto view = cast::wire::read_batch(frame.view().substr(cast::wire::kFrameHeader));
        if (!view || view->last_sequence() < begin || view->last_sequence() > last) continue;
        if (!page.batches.empty() && !may_take(page.batches.back())) break;
        page.batches.push_back(recall_batch(frame, view->header, now));
    }
    loaded.frames.erase(loaded.frames.begin(), loaded.frames.begin() + static_cast<std::ptrdiff_t>(at));
    page.whole = loaded.frames.empty();
    page.through = page.whole ? last : page.batches.back().last();
    loaded.from = page.through + 1;
    return page;
}

/// The same for a lane: from the beginning of what is paged out, as much as this turn allows. `ends`: its messages end,
/// which takes longer.
Page take_lane_page(Loaded& loaded, const Stream& stream, const State& state, bool endpoints, Now now) {
    const Sequence begin = stream.paged_out().front().first;
    assert(loaded.from <= begin);
    // The paged-out part may have grown since it was asked for.
    const Sequence last = std::min(loaded.through, stream.paged_out().back().last);
    std::size_t steps = 0;
    return take_page(loaded, begin, last, now, [&](const StoredBatch& before) {
        steps += 1 + (endpoints || before.gone ? before.count / kClosedAStep : 0);
        return state.may_go_on(steps);
    });
}

}  // namespace

// --- A lane. ------------------------------------------------------------------------------------------------

Sequence StoredLane::write(Transaction& transaction) { return write_lane(lane_, transaction); }

void StoredLane::committed(Sequence through, Turn turn) {
    lane_.stream.stored(through);
    parts_.mailboxes.committed(lane_, turn);
    page_out();
}

/// What the reader will not need soon leaves memory: all of it when there is no reader.
void StoredLane::page_out() {
    Stream& stream = lane_.stream;
    const State& state = parts_.state;
    const bool read = lane_.node->connection != nullptr;
    if (stream.has_paged_out()) {
        stream.page_out(stream.split(), stream.batches());
        // An answer that is on its way is for what lies behind the front.
        if (!read && !stream.loading) stream.page_out_front();
    } else if (!read) {
        stream.page_out(0, stream.batches());
    } else if (const std::size_t most = state.little(state.config.under_way() + state.config.reader_window);
               stream.bytes() > most) {
        std::size_t keep = stream.find(lane_.sent + 1);
        const std::uint64_t base = stream.front().offset;
        while (keep < stream.batches() && stream[keep].end() - base <= most) ++keep;
        stream.page_out(keep, stream.batches());
    }
}

bool StoredLane::page_loaded(Loaded& loaded, Now now, Outbox&) {
    Stream& stream = lane_.stream;
    stream.loading = false;
    lane_.asked = {};
    if (!stream.has_paged_out()) return true;
    Page page = take_lane_page(loaded, stream, parts_.state, false, now);
    parts_.mailboxes.page_in(lane_, std::move(page.batches), page.through, now);
    if (!page.whole) stream.loading = true;
    return page.whole;
}

/// Its reader waits, and at that priority alone: nothing may be left out without a word, and whether it comes back only
/// an operator can tell. Lower priorities go on at once where asking again will hardly help, else after some tries.
std::string StoredLane::load_failed(const Loaded& loaded, int tries, Now, Outbox&) {
    if (loaded.corrupt || tries >= kManyTries) parts_.mailboxes.unreadable(lane_);
    return {};
}

bool StoredLane::awaits(Sequence from) const {
    return lane_.stream.has_paged_out() && lane_.stream.paged_out().back().last >= from;
}

void StoredLane::load_given_up() { lane_.stream.loading = lane_.unreadable = false; }

StreamLabel StoredLane::describe() const {
    const std::string& name = lane_.node->name;
    return {"mailbox of " + name + ", priority " + std::to_string(lane_.priority), name, {}};
}

// --- The lane of a node that is gone. -----------------------------------------------------------------------

Sequence StoredOrphan::write(Transaction& transaction) { return write_lane(*orphan_.lane, transaction); }

bool StoredOrphan::page_loaded(Loaded& loaded, Now now, Outbox& outbox) {
    Lane& lane = *orphan_.lane;
    lane.stream.loading = false;
    lane.asked = {};
    if (!orphan_.reading || !lane.stream.has_paged_out()) return true;  // a reader had asked; it is read in its turn
    Page page = take_lane_page(loaded, lane.stream, parts_.state, true, now);
    parts_.reaper.read(lane, std::move(page.batches), page.through, page.whole, now, outbox);
    if (!page.whole) lane.stream.loading = true;  // else the lane may have ended with it
    return page.whole;
}

std::string StoredOrphan::load_failed(const Loaded& loaded, int tries, Now now, Outbox& outbox) {
    if (tries < kManyTries || !loaded.corrupt) return {};
    Lane& lane = *orphan_.lane;
    lane.stream.loading = false;
    // Which messages they are is mostly known; then those behind them are not lost with them.
    const Sequence through = loaded.damaged != 0 ? loaded.damaged : lane.stream.last();
    parts_.reaper.read(lane, {}, through, true, now, outbox);
    return "messages of a node that is gone are";
}

// --- A group. -----------------------------------------------------------------------------------------------

Sequence StoredGroup::write(Transaction& transaction) {
    StreamRow& row = write_stream(group_.stream, transaction);
    row.kind = group_.broadcast() ? cast::wire::kBroadcastStream : cast::wire::kGroupStream;
    row.owner = group_.name;
    row.created = group_.created;
    row.floor = group_.floor;
    return group_.stream.saved();
}

void StoredGroup::committed(Sequence through, Turn) {
    group_.stream.stored(through);
    page_out();
}

void StoredGroup::page_out() {
    Stream& stream = group_.stream;
    const Config& c = parts_.state.config;
    const std::size_t keep = group_.subscriptions.empty() ? 0 : parts_.state.little(kGroupMemory);
    std::size_t in_memory = stream.bytes() - stream.paged_out_bytes(), count = 0;
    while (count < stream.batches() && in_memory > keep && stream[count].last() <= group_.published) {
        if (!stream[count].gone) in_memory -= stream[count].size;
        ++count;
    }
    const PagedStep step{std::min(PagedStep{}.bytes, c.group_bytes / kSteps),
                         std::max<std::size_t>(1, c.group_messages / kSteps), c.group_age_us / kSteps};
    if (count > 0) stream.page_out(0, count, step);
}

bool StoredGroup::page_loaded(Loaded& loaded, Now now, Outbox& outbox) {
    Stream& stream = group_.stream;
    stream.loading = false;
    const Sequence begin = loaded.from,
                   end = stream.has_paged_out() ? stream.paged_out().back().last : stream.first_kept() - 1;
    Page page = take_page(loaded, begin, std::min(loaded.through, end), now, [](const StoredBatch&) { return true; });
    for (StoredBatch& batch : page.batches)  // also when the clock was set back: others were told so
        if (batch.ttl_ms != 0 && stream.gaps().knows(batch.first)) batch.gone = true;
    parts_.groups.loaded(group_, page.batches, begin, page.through, now, outbox);
    return true;
}

bool StoredGroup::awaits(Sequence from) const {
    const auto& fetches = group_.fetches;
    return std::any_of(fetches.begin(), fetches.end(), [&](const WaitingFetch& fetch) { return fetch.next == from; });
}

StreamLabel StoredGroup::describe() const {
    if (group_.broadcast()) return {};
    return {"group " + group_.name, {}, group_.name};
}

// --- A dead letter, and what is scheduled. ------------------------------------------------------------------

bool StoredLetter::page_loaded(Loaded& loaded, Now, Outbox&) {
    parts_.dead.loaded(loaded);
    return true;
}

std::string StoredLetter::load_failed(const Loaded& loaded, int tries, Now, Outbox&) {
    if (tries >= kManyTries && loaded.corrupt) {
        parts_.dead.lost(id_);
        return "a dead letter is";
    }
    if (tries == kManyTries) parts_.dead.pass_over(id_);
    return {};
}

bool StoredSchedule::page_loaded(Loaded& loaded, Now, Outbox& outbox) {
    parts_.scheduled.loaded(loaded, outbox);
    return true;
}

std::string StoredSchedule::load_failed(const Loaded& loaded, int tries, Now, Outbox& outbox) {
    if (tries >= kManyTries && loaded.corrupt)
        return std::to_string(parts_.scheduled.damaged(loaded.from, outbox)) + " of them are";
    if (tries == kManyTries) parts_.scheduled.pass_over(loaded.from, outbox);
    return {};
}

}  // namespace broker
