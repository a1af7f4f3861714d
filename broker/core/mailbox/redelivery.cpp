// What readers die of: a message that is handed out again and again, and never acknowledged, is a dead letter in the
// end (max-redeliveries). The one to blame is the first that was not acknowledged, and never those behind it. So a lane
// counts the readers that went while its cursor stood where it stands. Pure; broker's thread.
#include <algorithm>
#include <string>

#include "core/dead_letters.hpp"
#include "core/mailbox/mailboxes.hpp"
#include "core/session/deliver.hpp"

namespace broker {

Sequence Mailboxes::announced_cursor(const Lane& lane) {
    const Sequence first = lane.stream.gaps().given_up();
    return first == 0 || first > lane.cursor ? lane.cursor : first - 1;
}

/// A new reader: the one before it has gone for good. After a start nobody knows what readers had: no end of the
/// broker counts.
void Mailboxes::count_going(Lane& lane, bool same) {
    if (lane.had_unacked && !same) {
        ++lane.delivery_attempts;
        state_.touch(lane.stream);
    }
    lane.had_unacked = false;
    const std::uint32_t most = state_.config.max_redeliveries;
    lane.exhausted = most != 0 && lane.delivery_attempts > most && lane.sent == lane.cursor && !lane.node->hidden;
    lane.gap_pending = lane.stream.gaps().given_up() != 0;
}

/// Batch `i` has the next message to hand out: nobody will get it again. False: not yet.
bool Mailboxes::give_up(Lane& lane, std::size_t i, Now now) {
    if (lane.sent > lane.cursor)
        return false;                   // gaps come before it. Once they are acknowledged it is counted from there
    if (lane.sent >= lane.high_sent) {  // what readers had is gone, and this is new
        lane.delivery_attempts = 0;
        lane.exhausted = false;
        return true;
    }
    const StoredBatch& batch = lane.stream[i];
    const Sequence last = lane.cursor + 1;
    const std::string detail = std::to_string(lane.delivery_attempts) + " readers went without acknowledging it";
    dead_.bury(batch, lane.cursor, cast::wire::kReasonRedeliveries, now, last, detail);
    if ((batch.flags & cast::wire::kWantsDelivered) != 0)
        receipts_.delivered(batch.session, batch.number, cast::ErrorCode::undeliverable, now);
    lane.stream.give_up(i, last);
    lane.cursor = lane.sent = last;
    lane.high_sent = std::max(lane.high_sent, last);
    lane.delivery_attempts = 0;
    lane.exhausted = false;
    lane.gap_pending = true;
    state_.touch(lane.stream);
    if (lane.stream.kept) {
        lane.decided = state_.turn;
        state_.dirty.urgent = true;
    }
    pass_all(lane, now);
    return true;
}

/// False: a crash could take back what it would be told, and what follows in the same batch would not be known again.
bool Mailboxes::tell_given_up(Lane& lane, Outbox& outbox) {
    if (lane.decided != 0) return false;
    lane.gap_pending = false;
    if (lane.stream.gaps().given_up() == 0) return true;
    begin_gap(lane, outbox);
    for (const GoneRange& range : lane.stream.gaps().all_given_up())
        send_gap(state_, lane.stream.id(), range, lane.node->connection->id, outbox);
    return true;
}

void Mailboxes::committed(Lane& lane, Turn turn) {
    if (lane.decided == 0 || lane.decided > turn) return;
    lane.decided = 0;
    mark(*lane.node);
}

}  // namespace broker
