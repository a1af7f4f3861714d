// When and what a session is told of its batches. Pure; broker's thread.
#include "core/session/receipts.hpp"

#include <algorithm>

namespace broker {
namespace {

constexpr std::size_t kDeliveredKept = 4096;
constexpr std::uint64_t kReceiptBatches = cast::wire::kSenderBatches / 4;

/// A full number from its low 32 bits, near `near`.
std::uint64_t widen(std::uint32_t low, std::uint64_t near) {
    return near + static_cast<std::uint64_t>(
                      static_cast<std::int64_t>(static_cast<std::int32_t>(low - static_cast<std::uint32_t>(near))));
}

/// What is receipted through `through` no longer counts against the window.
void settle_bytes(Session& session, std::uint64_t through) {
    if (through == session.committed)
        session.receipted_bytes = std::max(session.receipted_bytes, session.committed_bytes);
    else if (!session.held.empty() && session.held.front().number == through + 1)
        session.receipted_bytes = std::max(session.receipted_bytes, session.held.front().bytes_before);
}

}  // namespace

void Receipts::outcome(Session& session, const cast::wire::BatchHeader& header, std::size_t bytes, cast::ErrorCode code,
                       Now now) {
    session.through = header.number;
    state_.touch(session);
    session.accepted_bytes += bytes;
    if (!session.dirty) {
        session.dirty = true;
        state_.accepted.push_back(session.id);
    }
    const bool ask = (header.flags & cast::wire::kAskReceipt) != 0;
    if (code != cast::ErrorCode::ok) {
        session.refused.push_back({header.number, code});
        state_.statistics.refused[static_cast<std::size_t>(cast::wire::plain_code(code))] += header.count;
    }
    const bool full = session.unreceipted_bytes() >= state_.config.sender_window / 4 ||
                      session.through - session.receipted >= kReceiptBatches;
    due(session, ask || full || code != cast::ErrorCode::ok ? now.mono_us : now.mono_us + state_.config.receipt_us);
}

void Receipts::repeat(Session& session, Now now) {
    session.receipted = std::min(session.receipted, session.through - std::min<std::uint64_t>(session.through, 1));
    due(session, now.mono_us);
}

void Receipts::due(Session& session, std::int64_t at_us) {
    if (session.receipt_due_us == kNever) state_.receipts_due.insert(session.id);  // else it is listed
    session.receipt_due_us = std::min(session.receipt_due_us, at_us);
}

void Receipts::hold(Session& session, StreamId stream, std::vector<SessionId>& waiting) {
    session.held.push_back({session.through + 1, stream, session.accepted_bytes});
    if (std::find(waiting.begin(), waiting.end(), session.id) == waiting.end()) waiting.push_back(session.id);
    state_.holding.insert(stream);
}

void Receipts::release(StreamId stream, std::vector<SessionId>& waiting, Now now) {
    for (SessionId id : waiting) {
        Session* session = state_.sessions.session(id);
        if (session == nullptr) continue;
        std::erase_if(session->held, [stream](const DelayedReceipt& h) { return h.stream == stream; });
        due(*session, now.mono_us);
    }
    waiting.clear();
    state_.holding.erase(stream);
}

void Receipts::delivered(SessionId id, std::uint64_t number, cast::ErrorCode code, Now now) {
    Session* session = state_.sessions.session(id);
    if (session == nullptr) return;
    const bool revocable = code != cast::ErrorCode::ok;  // also that it expired: the next broker may have another clock
    const Turn turn = revocable && state_.config.durable ? state_.deciding : 0;
    session->delivered.push_back({{number, code}, turn});
    if (turn != 0) state_.answers_held.emplace_back(turn, id);
    state_.touch(*session);
    if (session->delivered.size() > kDeliveredKept) {
        session->delivered.pop_front();
        if (session->delivered_sent > 0) --session->delivered_sent;
    }
    due(*session, now.mono_us);
}

Turn Receipts::close_turn() {
    state_.deciding = ++state_.turn;
    state_.work = 0;
    state_.budget.begin_turn();
    if (state_.accepted.empty()) return state_.turn;
    auto& turns = state_.uncommitted;
    // Turns since the last transaction was collected will be kept together; there are many while the store fails.
    if (state_.config.durable && !turns.empty() && turns.back().first > state_.persisted.turn)
        turns.back().first = state_.turn;
    else
        turns.emplace_back(state_.turn, std::vector<Accepted>());
    auto& outcomes = turns.back().second;
    for (SessionId id : state_.accepted)
        if (Session* session = state_.sessions.session(id)) {
            session->dirty = false;
            if (!listed(*session)) {
                session->place = outcomes.size();
                outcomes.emplace_back();
            }
            outcomes[session->place] = {id, session->life, session->through, session->accepted_bytes};
        }
    state_.accepted.clear();
    return state_.turn;
}

/// Among the newest that are not committed.
bool Receipts::listed(const Session& session) const {
    const auto& outcomes = state_.uncommitted.back().second;
    return session.place < outcomes.size() && outcomes[session.place].session == session.id &&
           outcomes[session.place].life == session.life;
}

void Receipts::forget(const Session& session) {
    if (state_.uncommitted.empty() || !listed(session)) return;
    auto& outcomes = state_.uncommitted.back().second;
    Accepted& accepted = outcomes[session.place] = outcomes.back();
    if (Session* moved = state_.sessions.session(accepted.session)) moved->place = session.place;
    outcomes.pop_back();
}

void Receipts::committed(Turn turn) {
    state_.committed = std::max(state_.committed, turn);
    while (!state_.answers_held.empty() && state_.answers_held.front().first <= turn) {
        if (Session* session = state_.sessions.session(state_.answers_held.front().second)) due(*session, 0);
        state_.answers_held.pop_front();
    }
    while (!state_.uncommitted.empty() && state_.uncommitted.front().first <= turn) {
        for (const Accepted& accepted : state_.uncommitted.front().second)
            if (Session* session = state_.sessions.session(accepted.session);
                session != nullptr && session->life == accepted.life) {
                session->committed = std::max(session->committed, accepted.through);
                session->committed_bytes = std::max(session->committed_bytes, accepted.bytes);
                if (session->receipt_due_us == kNever && session->receiptable() > session->receipted) due(*session, 0);
            }
        state_.uncommitted.pop_front();
    }
}

/// How many of the answers may be told by now.
std::size_t Receipts::tellable(const Session& session) const {
    std::size_t n = session.delivered_sent;
    while (n < session.delivered.size() && session.delivered[n].turn <= state_.committed) ++n;
    return n;
}

bool Receipts::piggyback(Session& session, std::uint32_t& aux) {
    if (session.refused_sent < session.refused.size() || session.delivered_sent < tellable(session)) return false;
    const std::uint64_t through = session.receiptable();
    if (through <= session.receipted) return false;
    aux = static_cast<std::uint32_t>(through);
    session.receipted = through;
    ++state_.statistics.receipts;
    settle_bytes(session, through);
    if (through == session.through) session.receipt_due_us = kNever;
    return true;
}

std::int64_t Receipts::flush(Now now, Outbox& outbox) {
    std::int64_t next = kNever;
    for (auto at = state_.receipts_due.begin(); at != state_.receipts_due.end();) {
        Session* session = state_.sessions.session(*at);
        if (session != nullptr && session->receipt_due_us <= now.mono_us) send(*session, outbox);
        if (session == nullptr || session->receipt_due_us == kNever) {
            at = state_.receipts_due.erase(at);
        } else {
            next = std::min(next, session->receipt_due_us);
            ++at;
        }
    }
    return next;
}

void Receipts::send(Session& session, Outbox& outbox) {
    session.receipt_due_us = kNever;
    if (session.connection == nullptr) return;
    cast::wire::Receipt receipt;
    receipt.through = session.receiptable();
    // Refusals past `through` are told when their turn has come.
    auto& persisted = session.refused_sent;
    for (; persisted < session.refused.size() && session.refused[persisted].number <= receipt.through; ++persisted)
        receipt.refused.push_back(session.refused[persisted]);
    const std::size_t tells = tellable(session);
    for (std::size_t i = session.delivered_sent; i < tells; ++i)
        receipt.delivered.push_back(session.delivered[i].outcome);
    if (receipt.through <= session.receipted && receipt.refused.empty() && receipt.delivered.empty()) return;
    session.receipted = std::max(session.receipted, receipt.through);
    session.delivered_sent = tells;
    settle_bytes(session, receipt.through);
    ++state_.statistics.receipts;
    outbox.send(session.connection->id, cast::wire::encode(receipt));
}

void Receipts::rewind(Session& session, std::uint64_t seen, Now now) {
    std::erase_if(session.refused, [seen](const auto& outcome) { return outcome.number <= seen; });
    session.refused_sent = 0;
    session.delivered_sent = 0;
    session.receipted = std::min(session.receipted, seen);
    due(session, now.mono_us);
}

void Receipts::confirm(Session& session, std::uint32_t seen_low) {
    if (session.refused.empty()) return;
    const std::uint64_t seen = std::min(widen(seen_low, session.through), session.receipted);
    std::size_t n = 0;
    while (n < session.refused_sent && session.refused[n].number <= seen) ++n;
    session.refused.erase(session.refused.begin(), session.refused.begin() + static_cast<std::ptrdiff_t>(n));
    session.refused_sent -= n;
}

}  // namespace broker
