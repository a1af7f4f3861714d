// Receipts: what a session is told of its batches: outcomes, once the store keeps them; hold-backs that slow a
// sender down to its reader's pace; answers about delivery. Pure; broker's thread.
#pragma once
#include "core/state.hpp"
#include "wire/batch.hpp"

namespace broker {

class Receipts {
public:
    explicit Receipts(State& state) : state_(state) {}

    /// Batch `header.number` of the session has its outcome. Asks for a receipt as PROTOCOL.md section 4 says.
    void outcome(Session& session, const cast::wire::BatchHeader& header, std::size_t bytes, cast::ErrorCode code,
                 Now now);
    /// The client waits: what can be receipted is, at the end of this turn.
    void hurry(Session& session, Now now) {
        if (session.receipt_due_us != kNever) due(session, now.mono_us);
    }
    /// Repeats the receipt: the client sent a batch that has its outcome already.
    void repeat(Session& session, Now now);
    /// Holds the receipt of the session's last batch back until `stream` releases it.
    void hold(Session& session, StreamId stream, std::vector<SessionId>& waiting);
    void release(StreamId stream, std::vector<SessionId>& waiting, Now now);
    /// The reader's cursor passed a batch that wanted to know, or never will.
    void delivered(SessionId session, std::uint64_t number, cast::ErrorCode code, Now now);

    /// Closes the turn: its outcomes wait for committed(turn).
    Turn close_turn();
    /// The session ends: nobody waits for its outcomes.
    void forget(const Session& session);
    void committed(Turn turn);

    /// Low 32 bits of `through` to put on a DELIVER frame for this session, when that is all there is to say.
    bool piggyback(Session& session, std::uint32_t& aux);
    /// Sends the RECEIPTs that are due. Returns when the next one is.
    std::int64_t flush(Now now, Outbox& outbox);
    /// After a reconnect everything that the client may not have seen is told again.
    void rewind(Session& session, std::uint64_t seen, Now now);
    /// The client knows all outcomes up to this one (low 32 bits).
    void confirm(Session& session, std::uint32_t seen_low);

private:
    void due(Session& session, std::int64_t at_us);
    bool listed(const Session& session) const;
    std::size_t tellable(const Session& session) const;
    void send(Session& session, Outbox& outbox);
    State& state_;
};

}  // namespace broker
