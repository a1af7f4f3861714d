// Transactions out, and what the store read back in. Pure; broker's thread.
#include "core/keeper.hpp"

#include <algorithm>
#include <cassert>

#include "wire/frame.hpp"

namespace broker {
namespace {

constexpr std::int64_t kLazy = 100 * kMs;  // cursors and the like wait so long for company
// In a flood to readers who are there most of it is read before it is written, if that waits a little; then it need not
// be written at all. Not longer than its senders' windows last.
constexpr std::size_t kLiveMuch = 256u << 10;
constexpr std::int64_t kLiveWait = 8 * kMs;
constexpr std::int64_t kAskAgain = 200 * kMs;  // for what could not be read; twice as long each time
constexpr std::int64_t kAskRarely = 5 * kSecond;
constexpr std::uint32_t kEndsAStep = 100;     // messages of a batch that ends
constexpr int kLostTries = 5;                 // mail of nobody that is damaged: then it is let go
constexpr int kSteps = 64;                    // a cold range of a group is no more than this part of what it may keep
constexpr std::size_t kGroupWarm = 4u << 20;  // bytes of a group that is read which stay in memory, for repairs

SessionRow row_of(const Session& session) {
    SessionRow row{session.id, session.through, session.refused, {}, {}, session.secret};
    for (const Answer& answer : session.delivered) row.delivered.push_back(answer.outcome);
    row.blocked.assign(session.blocked.begin(), session.blocked.end());
    std::sort(row.blocked.begin(), row.blocked.end());  // the same transaction is the same bytes on every machine
    return row;
}

}  // namespace

bool Keeper::wants(Now now, std::int64_t& due_us) const {
    if (state_.unsaved.empty() && state_.uncommitted.empty() && !state_.unsaved.urgent) return false;
    const bool receipts_wait = !state_.uncommitted.empty();
    const bool flood = state_.live_bytes >= kLiveMuch && state_.live_bytes < state_.config.sender_window / 2;
    if (state_.unsaved.urgent || (receipts_wait && !flood)) return true;
    const std::int64_t since_us = receipts_wait ? kLiveWait : kLazy;
    if (now.mono_us - collected_us_ >= since_us) return true;
    due_us = std::min(due_us, collected_us_ + since_us);
    return false;
}

void Keeper::collect(Transaction& t, Now now) {
    assert(under_way_turn_ == 0);  // the end of the one before was heard: its streams would be forgotten
    collected_us_ = now.mono_us;
    state_.live_bytes = 0;
    state_.tell();
    t.turn = under_way_turn_ = state_.turn;
    t.next_stream = state_.directory.next_stream();
    t.forgetful_epoch = state_.forgetful_epoch;
    t.session_us = static_cast<std::uint64_t>(state_.config.session_us);
    collect_nodes(t);
    collect_streams(t);
    later_.save(t);
    dead_.save(t);
    collect_sessions(t);
    state_.unsaved.urgent = false;
    state_.settling = 0;
}

void Keeper::collect_nodes(Transaction& t) {
    for (const std::string& name : state_.unsaved.nodes.take()) {
        const Node* node = state_.directory.node(name);
        if (node == nullptr)
            t.nodes_gone.push_back(name);
        else
            t.nodes.push_back({node->name, node->created, node->port, node->holder});
    }
    for (const auto& [name, stream] : state_.unsaved.members.take()) {
        Node* node = state_.directory.node(name);
        Group* group = state_.directory.owner(stream).group;
        Membership* m = node == nullptr || group == nullptr ? nullptr : node->membership(*group);
        if (m == nullptr) {
            t.members_gone.emplace_back(name, stream);
            continue;
        }
        m->touched = false;
        Sequence cursor = m->cursor;
        if (!m->own && node->connection != nullptr)
            cursor = std::max(cursor, node->connection->subscriptions.at(stream)->acked);
        const Sequence high = node->connection != nullptr ? group->stream.last() : m->high;
        t.members.push_back({name, stream, cursor, high});
    }
}

void Keeper::collect_streams(Transaction& t) {
    under_way_.clear();
    for (const StreamId id : state_.unsaved.streams) {
        const StreamOwner owner = state_.directory.owner(id);
        const auto reaped = state_.reaped.find(id);
        Lane* lane = owner.lane != nullptr           ? owner.lane
                     : reaped != state_.reaped.end() ? reaped->second.lane.get()
                                                     : nullptr;
        if (lane == nullptr && owner.group == nullptr) {
            t.streams_gone.push_back(id);
            continue;
        }
        Stream& stream = lane != nullptr ? lane->stream : owner.group->stream;
        stream.touched = false;
        stream.save(t);
        StreamRow& row = t.streams.emplace_back();
        stream.fill(row);
        if (lane != nullptr) {
            row.kind = static_cast<std::uint8_t>(lane->priority);
            if (lane->node != nullptr) row.owner = lane->node->name;
            row.floor = lane->cursor;
            row.high = lane->high_sent;
            row.goings = lane->goings;
        } else {
            row.kind = owner.group->broadcast() ? cast::wire::kBroadcastStream : cast::wire::kGroupStream;
            row.owner = owner.group->name;
            row.created = owner.group->created;
            row.floor = owner.group->floor;
        }
        under_way_.emplace_back(id, stream.saved());
    }
    state_.unsaved.streams.clear();
}

void Keeper::collect_sessions(Transaction& t) {
    for (const SessionId id : state_.unsaved.sessions.take()) {
        Session* session = state_.sessions.session(id);
        if (session != nullptr) session->touched = false;
        if (session != nullptr && session->known)
            t.sessions.push_back(row_of(*session));
        else  // or its client has not accepted that its past is gone; and gone it is
            t.sessions_gone.push_back(id);
    }
}

void Keeper::committed(Turn turn) {
    if (under_way_turn_ == 0 || turn < under_way_turn_) return;
    under_way_turn_ = 0;
    for (const auto& [id, through] : under_way_) {
        const StreamOwner owner = state_.directory.owner(id);
        if (owner.lane != nullptr) {
            owner.lane->stream.stored(through);
            mailboxes_.committed(*owner.lane, turn);
            cool(*owner.lane);
        } else if (owner.group != nullptr) {
            owner.group->stream.stored(through);
            cool(*owner.group);
        }
    }
    under_way_.clear();
}

/// What the reader will not need soon goes from memory: all of it when there is none.
void Keeper::cool(Lane& lane) {
    Stream& stream = lane.stream;
    if (stream.has_cold()) {
        stream.cool(stream.split(), stream.batches());
        // An answer that is on its way is for what lies behind the front.
        if (lane.node->connection == nullptr && !stream.loading) stream.cool_front();
    } else if (lane.node->connection == nullptr) {
        stream.cool(0, stream.batches());
    } else if (const std::size_t most = state_.little(state_.config.under_way() + state_.config.reader_window);
               stream.bytes() > most) {
        std::size_t keep = stream.find(lane.sent + 1);
        const std::uint64_t base = stream.front().offset;
        while (keep < stream.batches() && stream[keep].end() - base <= most) ++keep;
        stream.cool(keep, stream.batches());
    }
}

void Keeper::cool(Group& group) {
    Stream& stream = group.stream;
    const std::size_t keep = group.subscriptions.empty() ? 0 : state_.little(kGroupWarm);
    std::size_t warm = stream.bytes() - stream.cold_bytes(), count = 0;
    while (count < stream.batches() && warm > keep && stream[count].last() <= group.published) {
        if (!stream[count].gone) warm -= stream[count].size;
        ++count;
    }
    const Config& c = state_.config;
    const ColdStep step{std::min(ColdStep{}.bytes, c.group_bytes / kSteps),
                        std::max<std::size_t>(1, c.group_messages / kSteps), c.group_age_us / kSteps};
    if (count > 0) stream.cool(0, count, step);
}

void Keeper::loaded(Loaded&& loaded, Now now, Outbox& outbox) {
    arrived_.push_back(std::move(loaded));
    while (!arrived_.empty() && state_.may_go_on()) take_first(now, outbox);
}

void Keeper::go_on(Now now, Outbox& outbox) {
    for (bool once = true; !arrived_.empty() && (once || state_.may_go_on()); once = false) take_first(now, outbox);
}

/// The oldest answer of the store; of a long one what this turn allows.
void Keeper::take_first(Now now, Outbox& outbox) {
    ++state_.steps;
    Loaded& loaded = arrived_.front();
    bool whole = true;
    if (loaded.look == Load::kExpiry)
        whole = mailboxes_.read_expired(loaded, now, outbox);
    else if (loaded.look != 0)
        looking_.loaded(loaded, now, outbox);
    else
        whole = take_in(loaded, now, outbox);
    if (whole) arrived_.pop_front();
}

/// False: the rest of it is left.
bool Keeper::take_in(Loaded& loaded, Now now, Outbox& outbox) {
    const StreamOwner owner = state_.directory.owner(loaded.stream);
    const auto reaped = state_.reaped.find(loaded.stream);
    Lane* lane = owner.lane != nullptr           ? owner.lane
                 : reaped != state_.reaped.end() ? reaped->second.lane.get()
                                                 : nullptr;
    const bool letter = dead_.knows(loaded.stream), late = later_.is(loaded.stream);
    if (lane == nullptr && owner.group == nullptr && !letter && !late) return true;
    if (loaded.failed) {
        failed(std::move(loaded), lane, now, outbox);
        return true;
    }
    if (!state_.unreadable.empty()) readable(loaded, now, outbox);
    if (letter) dead_.loaded(loaded);
    if (late) later_.loaded(loaded, outbox);
    if (letter || late) return true;
    Stream& stream = lane != nullptr ? lane->stream : owner.group->stream;
    stream.loading = false;
    if (lane != nullptr) lane->asked = {};
    if (reaped != state_.reaped.end() && !reaped->second.reading)
        return true;  // a reader had asked; it is read in its turn
    if (!stream.has_cold() && owner.group == nullptr) return true;
    const Sequence begin = lane != nullptr ? stream.cold().front().first : loaded.from;
    assert(lane == nullptr || loaded.from <= begin);
    const Sequence end = stream.has_cold() ? stream.cold().back().last : stream.first_kept() - 1;
    const Sequence last =
        std::min(loaded.through, end);  // the cold part may have grown since it was asked for, or been read
    std::vector<StoredBatch> batches = recall(loaded, stream, lane, begin, last, now);
    const bool whole = loaded.frames.empty();
    const Sequence through = whole ? last : batches.back().last();
    loaded.from = through + 1;
    if (lane == nullptr)
        groups_.loaded(*owner.group, batches, begin, through, now, outbox);
    else if (lane->node == nullptr)
        reaper_.read(*lane, std::move(batches), through, whole, now, outbox);
    else
        mailboxes_.warm(*lane, std::move(batches), through, now);
    if (!whole) stream.loading = true;
    return whole;
}

/// The batches of the answer that lie in begin..last; of a lane's those that this turn allows. They are no longer in
/// it.
std::vector<StoredBatch> Keeper::recall(Loaded& loaded, const Stream& stream, const Lane* lane, Sequence begin,
                                        Sequence last, Now now) const {
    std::vector<StoredBatch> batches;
    std::size_t at = 0, steps = 0;
    for (; at < loaded.frames.size(); ++at) {
        const cast::wire::Slice& frame = loaded.frames[at];
        const auto view = cast::wire::read_batch(frame.view().substr(cast::wire::kFrameHeader));
        if (!view || view->last_sequence() < begin || view->last_sequence() > last) continue;
        if (lane != nullptr && !batches.empty() && !state_.may_go_on(steps)) break;
        StoredBatch& batch = batches.emplace_back(recall_batch(frame, view->header, now));
        // Also when the clock was set back: others were told so.
        if (lane == nullptr && batch.ttl_ms != 0 && stream.gaps().knows(batch.first)) batch.gone = true;
        const bool ends = batch.gone || (lane != nullptr && lane->node == nullptr);
        steps += 1 + (ends ? batch.count / kEndsAStep : 0);
    }
    loaded.frames.erase(loaded.frames.begin(), loaded.frames.begin() + static_cast<std::ptrdiff_t>(at));
    return batches;
}

/// Its reader waits, and it alone: nothing may be left out without a word, and whether it comes back only an
/// operator can tell. In a mailbox it is that priority alone: lower ones go on at once where asking again will hardly
/// help, else after some tries.
void Keeper::failed(Loaded&& loaded, Lane* lane, Now now, Outbox& outbox) {
    const bool late = later_.is(loaded.stream);
    const auto [at, fresh] = state_.unreadable.try_emplace({loaded.stream, loaded.from});
    Unreadable& u = at->second;
    if (fresh) {
        u.load = {loaded.stream, loaded.from, state_.config.reader_window / 2};
        u.since_us = now.mono_us;
    } else if (u.again_us != kNever) {
        return;  // two readers had asked
    }
    const std::int64_t wait = std::min(kAskRarely, kAskAgain << std::min(u.tries, 10));
    u.again_us = now.mono_us + wait;
    ++u.tries;
    const bool lasting = u.tries >= kLostTries;
    if (lane != nullptr && lane->node != nullptr && (loaded.corrupt || lasting)) mailboxes_.unreadable(*lane);
    if (lasting && loaded.corrupt && lane != nullptr && lane->node == nullptr) {
        tell("unreadable", loaded.stream, "messages of a node that is gone are damaged and let go: " + loaded.why, now,
             outbox);
        state_.unreadable.erase(at);
        // Which ones they are is mostly known; then those behind them are not lost with them.
        lane->stream.loading = false;
        return reaper_.read(*lane, {}, loaded.damaged != 0 ? loaded.damaged : lane->stream.last(), true, now, outbox);
    }
    if (lasting && loaded.corrupt && dead_.knows(loaded.stream)) {
        tell("unreadable", loaded.stream, "a dead letter is damaged and let go: " + loaded.why, now, outbox);
        state_.unreadable.erase(at);
        loaded.frames.clear();
        return dead_.loaded(loaded);
    }
    if (lasting && loaded.corrupt && late) {
        const std::uint64_t count = later_.damaged(loaded.from, outbox);
        tell("unreadable", loaded.stream, std::to_string(count) + " of them are damaged and let go: " + loaded.why, now,
             outbox);
        state_.unreadable.erase(at);
        return;
    }
    if (u.tries == kLostTries && late) later_.pass_over(loaded.from, outbox);
    if (u.tries == kLostTries && dead_.knows(loaded.stream)) dead_.pass_over(loaded.stream);
    if (u.why == loaded.why) return;
    u.why = std::move(loaded.why);
    tell("unreadable", loaded.stream,
         "from message " + std::to_string(u.load.from) + " on cannot be read, readers wait: " + u.why, now, outbox);
}

void Keeper::readable(const Loaded& loaded, Now now, Outbox& outbox) {
    if (state_.unreadable.erase({loaded.stream, loaded.from}) > 0)
        tell("readable", loaded.stream, "can be read again", now, outbox);
}

void Keeper::tell(const char* kind, StreamId id, const std::string& text, Now now, Outbox& outbox) const {
    const StreamOwner owner = state_.directory.owner(id);
    const std::string node = owner.lane != nullptr ? owner.lane->node->name : "",
                      group = owner.group != nullptr ? owner.group->name : "";
    std::string whose = "the store: stream " + std::to_string(id);
    if (!node.empty()) whose += " (mailbox of " + node + ", priority " + std::to_string(owner.lane->priority) + ")";
    if (!group.empty()) whose += " (group " + group + ")";
    if (later_.is(id)) whose += " (messages that wait for their time)";
    const bool bad = std::string_view(kind) == "unreadable";
    outbox.log.push_back({whose + ": " + text, bad});
    if (state_.watched()) outbox.events.push_back({kind, node, group, now.wall_us, 0, whose + ": " + text});
}

const Stream* Keeper::stream_of(StreamId id) const {
    const auto reaped = state_.reaped.find(id);
    if (reaped != state_.reaped.end()) return &reaped->second.lane->stream;
    const StreamOwner owner = state_.directory.owner(id);
    if (owner.lane != nullptr) return &owner.lane->stream;
    return owner.group != nullptr ? &owner.group->stream : nullptr;
}

/// Or it was purged, deleted or let go meanwhile, or whoever wanted it has gone.
bool Keeper::waited_for(const Unreadable& u) const {
    if (state_.reaped.contains(u.load.stream) || dead_.knows(u.load.stream) || later_.is(u.load.stream)) return true;
    const StreamOwner owner = state_.directory.owner(u.load.stream);
    if (owner.lane != nullptr)
        return owner.lane->stream.has_cold() && owner.lane->stream.cold().back().last >= u.load.from;
    if (owner.group == nullptr) return false;
    const auto& fetches = owner.group->fetches;
    return std::any_of(fetches.begin(), fetches.end(),
                       [&](const WaitingFetch& fetch) { return fetch.next == u.load.from; });
}

std::int64_t Keeper::tick(Now now, Outbox& outbox) {
    std::int64_t next = kNever;
    for (auto at = state_.unreadable.begin(); at != state_.unreadable.end();) {
        Unreadable& u = at->second;
        if (u.again_us > now.mono_us) {
            next = std::min(next, u.again_us);
            ++at;
        } else if (waited_for(u)) {
            const Stream* stream = stream_of(u.load.stream);
            outbox.loads.push_back(stream != nullptr ? stream->load(u.load.from, u.load.bytes) : u.load);
            u.again_us = kNever;
            ++at;
        } else {
            const StreamOwner owner = state_.directory.owner(u.load.stream);
            if (owner.lane != nullptr) owner.lane->stream.loading = owner.lane->unreadable = false;
            at = state_.unreadable.erase(at);
        }
    }
    return next;
}

}  // namespace broker
