// Collecting what changed, and what follows when it is in the store. Pure; broker's thread.
#include "core/persistence/persister.hpp"

#include <algorithm>
#include <cassert>

namespace broker {
namespace {

constexpr std::int64_t kLazy = 100 * kMs;  // cursors and the like wait so long for company
// In a flood to readers who are there most of it is read before it is written, if that waits a little; then it need not
// be written at all. Not longer than its senders' windows last.
constexpr std::size_t kLiveMuch = 256u << 10;
constexpr std::int64_t kLiveWait = 8 * kMs;

SessionRow row_of(const Session& session) {
    SessionRow row{session.id, session.through, session.refused, {}, {}, session.secret};
    for (const Answer& answer : session.delivered) row.delivered.push_back(answer.outcome);
    row.blocked.assign(session.blocked.begin(), session.blocked.end());
    std::sort(row.blocked.begin(), row.blocked.end());  // the same transaction is the same bytes on every machine
    return row;
}

}  // namespace

bool Persister::wants(Now now, std::int64_t& due_us) const {
    if (state_.dirty.empty() && state_.uncommitted.empty() && !state_.dirty.urgent) return false;
    const bool receipts_wait = !state_.uncommitted.empty();
    const bool flood = state_.live_bytes >= kLiveMuch && state_.live_bytes < state_.config.sender_window / 2;
    if (state_.dirty.urgent || (receipts_wait && !flood)) return true;
    const std::int64_t since_us = receipts_wait ? kLiveWait : kLazy;
    if (now.mono_us - collected_us_ >= since_us) return true;
    due_us = std::min(due_us, collected_us_ + since_us);
    return false;
}

void Persister::collect(Transaction& t, Now now) {
    assert(under_way_turn_ == 0);  // the end of the one before was heard: its streams would be forgotten
    collected_us_ = now.mono_us;
    state_.live_bytes = 0;
    state_.mark_persisted();
    t.turn = under_way_turn_ = state_.turn;
    t.next_stream = state_.directory.next_stream();
    t.forgetful_epoch = state_.forgetful_epoch;
    t.session_us = static_cast<std::uint64_t>(state_.config.session_us);
    collect_nodes(t);
    collect_streams(t);
    dead_.save(t);
    collect_sessions(t);
    state_.dirty.urgent = false;
    state_.settling = 0;
}

void Persister::collect_nodes(Transaction& t) {
    for (const std::string& name : state_.dirty.nodes.take()) {
        const Node* node = state_.directory.node(name);
        if (node == nullptr)
            t.nodes_gone.push_back(name);
        else
            t.nodes.push_back({node->name, node->created, node->port, node->holder});
    }
    for (const auto& [name, stream] : state_.dirty.members.take()) {
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

void Persister::collect_streams(Transaction& t) {
    under_way_.clear();
    for (const StreamId id : state_.dirty.streams) {
        if (FoundStream stream = streams_.find(id))
            under_way_.emplace_back(id, stream->write(t));
        else
            t.streams_gone.push_back(id);
    }
    state_.dirty.streams.clear();
}

void Persister::collect_sessions(Transaction& t) {
    for (const SessionId id : state_.dirty.sessions.take()) {
        Session* session = state_.sessions.session(id);
        if (session != nullptr) session->touched = false;
        if (session != nullptr && session->known)
            t.sessions.push_back(row_of(*session));
        else  // or its client has not accepted that its past is gone; and gone it is
            t.sessions_gone.push_back(id);
    }
}

void Persister::committed(Turn turn) {
    if (under_way_turn_ == 0 || turn < under_way_turn_) return;
    under_way_turn_ = 0;
    for (const auto& [id, through] : under_way_)
        if (FoundStream stream = streams_.find(id)) stream->committed(through, turn);
    under_way_.clear();
}

}  // namespace broker
