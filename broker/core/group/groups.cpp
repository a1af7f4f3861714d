// Multicast and broadcast: into the stream, out to the subscribers, past their cursors. Pure; broker's thread.
#include "core/group/groups.hpp"

#include <algorithm>
#include <utility>

#include "core/mailbox/backpressure.hpp"
#include "core/session/deliver.hpp"

namespace broker {

using cast::ErrorCode;
using cast::wire::GapReason;

namespace {

/// What one published frame holds at most: each costs every subscriber's connection a wake-up and two system calls.
constexpr std::size_t kPublishFill = 256 * 1024;

/// So few batches are let go one by one.
constexpr std::size_t kFewBatches = 64;

/// What has expired counts so many bytes of a FETCH: its answer is the work of one turn.
constexpr std::size_t kGapCost = 64;

}  // namespace

ErrorCode Groups::admits(const Group&) const {
    return state_.memory_bytes() >= state_.config.memory_budget ? ErrorCode::group_busy : ErrorCode::ok;
}

void Groups::append(Group& group, Session* session, const cast::wire::BatchHeader& header, cast::wire::Slice frame,
                    Now now) {
    const std::size_t size = frame.size();
    const Sequence first = group.stream.append(header, std::move(frame), now);
    state_.touch(group.stream);
    group.messages += header.count;
    group.bytes += size;
    group.appended_us = now.mono_us;
    if (header.ttl_ms != 0)
        state_.expiry_queue.add({now.mono_us + std::int64_t(header.ttl_ms) * kMs, group.stream.id(), first});
    if (!group.dirty) {
        group.dirty = true;
        state_.dirty_groups.push_back(&group);
    }
    if (group.subscriptions.empty() && group.absent.empty()) return;  // nobody reads it: publish() lets it go
    if (!group.subscriptions.empty()) {
        watch_tail(group);
        state_.live_bytes += size;
    }
    retain(group, now);
    const bool may_lag =
        group.stream.bytes() > state_.config.lag_bytes || group.stream.batches_held() > state_.config.lag_batches;
    if (session != nullptr && may_lag && holds(group, now)) receipts_.hold(*session, group.stream.id(), group.waiting);
}

void Groups::publish(Group& group, Now now, Outbox& outbox) {
    group.dirty = false;
    Stream& stream = group.stream;
    if (!group.subscriptions.empty()) {
        std::vector<cast::wire::Slice> frames;
        std::size_t bytes = 0;
        auto out = [&] {
            if (frames.empty()) return;
            state_.statistics.batches_out += frames.size();
            state_.statistics.flow.bytes_out += bytes;
            outbox.publishes.push_back(
                {cast::wire::publish_topic(stream.id(), state_.config.epoch),
                 frames.size() == 1 ? frames[0] : join_frames(frames.data(), frames.size(), 0, 0)});
            frames.clear();
            bytes = 0;
        };
        for (std::size_t i = stream.find(group.published + 1); i < stream.batches(); ++i) {
            if (stream[i].gone) continue;
            if (bytes + stream[i].size > kPublishFill) out();
            frames.push_back(stream[i].frame);
            bytes += stream[i].size;
        }
        out();
        retain(group, now);  // of what came before the first reader did, in the same turn
    } else if (group.absent.empty()) {
        drop_all(group, {});
        group.floor = stream.last();
    }
    group.published = stream.last();
}

void Groups::drop_front(Group& group, std::optional<GapReason> reason) {
    state_.touch(group.stream);
    if (!group.stream.front_in_memory()) {
        reason ? group.stream.pop_paged_out(*reason) : group.stream.pop_paged_out();
        return;
    }
    reason ? group.stream.pop_front(*reason) : group.stream.pop_front();
}

void Groups::drop_all(Group& group, std::optional<GapReason> reason) {
    Stream& stream = group.stream;
    if (stream.batches() + stream.paged_out().size() <= kFewBatches) {
        while (!stream.empty()) drop_front(group, reason);
        return;
    }
    state_.touch(stream);
    state_.leavings.add(stream.let_all_go(reason));
}

std::uint64_t Groups::purge(Group& group) {
    const std::uint64_t count = group.stream.messages();
    drop_all(group, GapReason::purged);
    if (!group.subscriptions.empty()) watch_tail(group);
    return count;
}

/// Lets go of what all members have read, in steps.
void Groups::trim(Group& group) {
    Sequence floor = group.stream.last();
    for (const auto& s : group.subscriptions) floor = std::min(floor, s->lowest);
    if (!group.absent.empty()) floor = std::min(floor, group.absent.lowest());
    const Sequence past = std::min(floor, group.published);
    const Stream& stream = group.stream;
    const auto passed = [&] {
        return !stream.empty() &&
               (stream.front_in_memory() ? stream.front().last() : stream.paged_out().front().last) <= past;
    };
    group.may_trim = false;
    if (past == stream.last() && stream.batches() + stream.paged_out().size() > kFewBatches) drop_all(group, {});
    for (int i = 0; passed(); ++i) {
        if (i == kDropsAtOnce) {
            group.may_trim = true;
            sweeping_.push_back(stream.id());
            break;
        }
        drop_front(group, {});
    }
    if (floor > group.floor) {
        group.floor = floor;
        state_.touch(group.stream);
    }
    group.stream.forget_gaps(floor);
    if (group.published < floor && !group.stream.empty())
        group.may_trim = true;  // not published yet: the sweep lets it go
}

void Groups::ack(Subscription& s, const cast::wire::AckEntry& entry, Now now) {
    Group& group = *s.group;
    const Sequence before = s.lowest, before_acked = s.acked;
    const Sequence reached = std::min(entry.sequence, group.stream.last());
    if (reached > s.acked) {
        if (!group.own()) state_.statistics.flow.messages_out += (reached - s.acked) * (s.nodes.size() - s.own.size());
        const std::size_t i = group.stream.find(reached);
        if (!group.own() && i < group.stream.batches() && group.stream[i].first <= reached)
            state_.statistics.latency_us.add(
                static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.mono_us - group.stream[i].arrival_us)));
        s.acked = reached;
    } else if (reached < s.acked) {  // the client reads this stream anew, for other nodes than before
        for (Node* node : s.nodes)
            if (Membership* m = node->membership(group); !m->own) m->cursor = std::max(m->cursor, s.acked);
        state_.work += s.nodes.size();
        s.acked = reached;
    }
    for (const auto& e : entry.exceptions) {
        Node* node = state_.directory.node(e.node);
        if (node == nullptr || node->connection != s.connection) continue;
        Membership* m = node->membership(group);
        if (m == nullptr) continue;
        const Sequence at = std::min(e.sequence, group.stream.last());
        const Sequence was = m->own ? m->cursor : std::max(m->cursor, s.acked);
        if (at > was && !group.own()) state_.statistics.flow.messages_out += at - was;
        const bool own = at < s.acked || at <= m->start;
        if (m->own) s.own.remove(m->cursor);
        m->own = own;
        m->cursor = std::max(m->cursor, at);
        if (own) s.own.add(m->cursor);
        state_.touch(*node, *m);
    }
    if (group.stream.kept && s.acked > before_acked) advanced(s);
    recount(s);
    if (s.lowest == before) return;
    s.backpressure.advanced_us = now.mono_us;
    s.tail_wait_us = 0;
    // Only who stood before the end of the oldest batch can have kept it.
    if (!group.stream.front_in_memory() || before < group.stream.front().last()) trim(group);
    if (!group.waiting.empty() || s.backpressure.charged_us != 0)
        review(group, now);
    else if (s.lowest == group.stream.last())
        stop_delaying(s.backpressure, true, state_.config, now);
}

void Groups::recount(Subscription& s) {
    s.lowest = s.own.size() == s.nodes.size() ? s.group->stream.last() : s.acked;
    if (!s.own.empty()) s.lowest = std::min(s.lowest, s.own.lowest());
}

bool Groups::lags(const Group& group, const Subscription& s) const {
    const Stream& stream = group.stream;
    if (stream.paged_out_at(s.lowest + 1)) return true;
    const std::size_t i = stream.find(s.lowest + 1);
    if (i >= stream.batches()) return false;
    return stream.back().end() - stream[i].offset > state_.config.lag_bytes ||
           stream.batches() - i > state_.config.lag_batches;
}

bool Groups::holds(Group& group, Now now) {
    bool hold = false;
    for (const auto& s : group.subscriptions) {
        if (lags(group, *s)) {
            const bool paged_out = group.stream.paged_out_at(s->lowest + 1);
            const std::int64_t since =
                paged_out ? group.stream.oldest_us() : group.stream[group.stream.find(s->lowest + 1)].arrival_us;
            if (may_delay_receipts(s->backpressure, since, state_.config, now)) hold = true;
        } else {
            stop_delaying(s->backpressure, s->lowest == group.stream.last(), state_.config, now);
        }
    }
    return hold;
}

void Groups::review(Group& group, Now now) {
    if (holds(group, now)) return;
    if (!group.waiting.empty()) receipts_.release(group.stream.id(), group.waiting, now);
}

void Groups::fetch(Connection& connection, const cast::wire::Fetch& fetch, Now now, Outbox& outbox) {
    const auto at = connection.subscriptions.find(fetch.stream);
    if (at == connection.subscriptions.end() || at->second->group->dissolved) {
        // A reader that asks for a stream it does not read learns that there is nothing for it.
        outbox.send(connection.id, cast::wire::encode(cast::wire::Fetched{fetch.stream, fetch.from, 0}));
        return;
    }
    Group& group = *at->second->group;
    std::erase_if(group.fetches,
                  [&](const WaitingFetch& f) { return f.connection == connection.id; });  // it has given that up
    const std::size_t most = std::min<std::size_t>(fetch.max_bytes, cast::wire::kFetchBytes);
    flush_deliveries(state_, receipts_, connection, outbox);
    bring(group, connection,
          {connection.id, fetch.from, std::max<Sequence>(fetch.from, 1), std::max<std::size_t>(most, 1), false}, now,
          outbox);
}

/// Goes on with a FETCH from memory; where only the store can, it waits.
void Groups::bring(Group& group, Connection& connection, WaitingFetch fetch, Now now, Outbox& outbox) {
    Stream& stream = group.stream;
    while (fetch.next <= stream.last() && fetch.left > 0) {
        if (stream.paged_out_at(fetch.next)) {
            // One answer serves all who wait there.
            const bool asked = std::any_of(group.fetches.begin(), group.fetches.end(),
                                           [&](const WaitingFetch& f) { return f.next == fetch.next; });
            group.fetches.push_back(fetch);
            if (!asked) outbox.loads.push_back(stream.load(fetch.next, fetch.left));
            return;
        }
        const std::size_t i = stream.find(fetch.next);
        const Sequence upto = stream.missing_upto(fetch.next, i);
        if (upto >= fetch.next) {
            flush_deliveries(state_, receipts_, connection, outbox);
            send_gaps(state_, stream, fetch.next, upto, connection.id, outbox);
            fetch.next = upto + 1;
            continue;
        }
        bring_one(stream, connection, stream[i], fetch, now, outbox);
    }
    end_fetch(stream, connection, fetch, outbox);
}

bool Groups::bring_one(Stream& stream, Connection& connection, const StoredBatch& batch, WaitingFetch& fetch, Now now,
                       Outbox& outbox) {
    const bool gone = batch.gone || batch.expired(now.mono_us);
    if (gone) {
        flush_deliveries(state_, receipts_, connection, outbox);
        send_gap(state_, stream.id(), {fetch.next, batch.last(), cast::wire::GapReason::expired}, connection.id,
                 outbox);
        fetch.left -= std::min(fetch.left, kGapCost);
    } else {
        deliver(state_, connection, batch.frame);
        fetch.left -= std::min<std::size_t>(fetch.left, batch.size);
        fetch.found = true;
    }
    fetch.next = batch.last() + 1;
    return !gone;
}

void Groups::end_fetch(Stream& stream, Connection& connection, const WaitingFetch& fetch, Outbox& outbox) {
    flush_deliveries(state_, receipts_, connection, outbox);
    if (fetch.found) ++state_.statistics.repaired_gaps;
    outbox.send(connection.id, cast::wire::encode(cast::wire::Fetched{stream.id(), fetch.asked, fetch.next - 1}));
}

void Groups::loaded(Group& group, const std::vector<StoredBatch>& batches, Sequence from, Sequence through, Now now,
                    Outbox& outbox) {
    std::vector<WaitingFetch> fetches;
    fetches.swap(group.fetches);
    for (WaitingFetch& fetch : fetches) {
        Connection* connection = state_.sessions.connection(fetch.connection);
        if (connection == nullptr || !connection->subscriptions.contains(group.stream.id())) continue;
        if (fetch.next != from) {
            group.fetches.push_back(fetch);
            continue;
        }
        for (const StoredBatch& batch : batches) {
            if (batch.last() < fetch.next || fetch.left == 0) continue;
            if (batch.first > fetch.next) {
                flush_deliveries(state_, receipts_, *connection, outbox);
                send_gaps(state_, group.stream, fetch.next, batch.first - 1, connection->id, outbox);
                fetch.next = batch.first;
            }
            bring_one(group.stream, *connection, batch, fetch, now, outbox);
        }
        if (fetch.left > 0 && fetch.next <= through) {
            flush_deliveries(state_, receipts_, *connection, outbox);
            send_gaps(state_, group.stream, fetch.next, through, connection->id, outbox);
            fetch.next = through + 1;
        }
        bring(group, *connection, fetch, now, outbox);
    }
}

void Groups::expire(Group& group, Sequence first, Now now) {
    const std::size_t i = group.stream.find(first);
    if (i >= group.stream.batches() || group.stream[i].first != first) return;
    const StoredBatch& batch = group.stream[i];
    if (batch.gone || !batch.expired(now.mono_us)) return;
    state_.touch(group.stream);
    state_.statistics.expired += batch.count;
    group.stream.expire(i);
}

void Groups::watch_tail(Group& group) {
    if (group.lagging) return;
    group.lagging = true;
    state_.lagging.push_back(&group);
}

std::int64_t Groups::tails(Now now, Outbox& outbox) {
    std::int64_t next = kNever;
    std::erase_if(state_.lagging, [&](Group* group) {
        const std::int64_t due = tail(*group, now, outbox);
        next = std::min(next, due);
        group->lagging = due != kNever;
        return !group->lagging;
    });
    return next;
}

std::int64_t Groups::tail(Group& group, Now now, Outbox& outbox) {
    std::int64_t next = kNever;
    for (const auto& s : group.subscriptions) {
        if (s->lowest >= group.stream.last()) continue;
        if (s->tail_wait_us == 0) {
            s->tail_wait_us = state_.config.tail_us;
            s->tail_due_us = std::max(now.mono_us, group.appended_us) + s->tail_wait_us;
        }
        // While new batches come, PUB itself shows the gap.
        s->tail_due_us = std::max(s->tail_due_us, group.appended_us + state_.config.tail_us);
        if (s->tail_due_us <= now.mono_us) {
            outbox.send(s->connection->id,
                        cast::wire::encode(cast::wire::Tail{group.stream.id(), group.stream.last()}));
            s->tail_wait_us = std::min(s->tail_wait_us * 2, state_.config.tail_max_us);
            s->tail_due_us = now.mono_us + s->tail_wait_us;
        }
        next = std::min(next, s->tail_due_us);
    }
    return next;
}

}  // namespace broker
