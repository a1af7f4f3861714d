// cast/outcome.hpp: what becomes of asynchronous sends (Node::send_async). Plain values: any thread.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cast/error.hpp"

namespace cast {

/// How long send(Message, Wait) waits, and which outcome an asynchronous send has.
enum class Wait {
    none,       ///< until it is in the send window
    receipt,    ///< until the broker holds it
    delivered,  ///< until the receiver has acknowledged it (unicast only)
};

/// The program's own number for an asynchronous send: any value, which its outcomes carry. libcast does not look at it.
using SendToken = std::uint64_t;

/// How Node::send_async sends.
struct AsyncSend {
    /// receipt: the outcome is `accepted`. delivered: it is `delivered`, once the receiver has acknowledged; unicasts
    /// only. none: no outcome comes (Options::on_refused hears of a refusal).
    Wait wait = Wait::receipt;
    /// The outcome comes within this time, if need be as a refusal. Zero: Options::send_timeout.
    std::chrono::milliseconds timeout{0};
    /// The message's recipient to begin with: what an earlier call answered, when it could not take them all.
    std::size_t first = 0;
};

/// Something that became of an asynchronous send. What send_async has taken has exactly one outcome for each recipient
/// (accepted, delivered or refused), whatever happens: the connection lost and made again, the node destroyed, the
/// connection closed. `room` is none of these: it is the word to go on after would_block.
struct Outcome {
    enum class Kind : std::uint8_t {
        accepted,   ///< the broker holds it
        delivered,  ///< its receiver has acknowledged it
        refused,    ///< it is not sent, or nobody knows; see `code`
        room,       ///< after would_block: send_async to `target` may be tried again, on behalf of this token
    };
    SendToken token = 0;
    Kind kind = Kind::accepted;
    /// refused: why. mailbox_full, group_busy: no room there until the time was over; it is not sent any more.
    /// timed_out, store_failed, session_expired, closed: whether the broker has it is unknown. Others: refused for
    /// good.
    ErrorCode code = ErrorCode::ok;
    std::size_t recipient = 0;  ///< which one of the message's recipients, from 0
    std::string target;         ///< its name; a group's, or "" for a broadcast
};

}  // namespace cast
