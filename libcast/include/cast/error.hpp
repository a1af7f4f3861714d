// cast/error.hpp: every way in which something can fail, as one numbered list.
// The same numbers travel on the wire, through the library, to HTTP statuses and to exit codes;
// the one table behind the functions below lives in wire/errors.cpp. Plain values: any thread.
#pragma once
#include <cstdint>

#include "cast/export.hpp"

namespace cast {

/// Why something failed. The numbers are part of the protocol and never change their meaning.
enum class ErrorCode : std::uint16_t {
    ok = 0,
    internal = 1,             ///< a fault of ours; please report it
    malformed = 2,            ///< bytes or JSON that do not parse
    unsupported_version = 3,  ///< a frame of a protocol version that is not spoken here
    unknown_verb = 4,         ///< a frame or a control call of an unknown kind
    hello_first = 5,          ///< a connection must begin with HELLO
    invalid_name = 6,         ///< not 1 to 128 bytes of [A-Za-z0-9._-], or starting with '.' or '-'
    no_such_node = 7,
    no_such_group = 8,
    already_exists = 9,
    name_in_use = 10,   ///< another reader receives as this node
    taken_over = 11,    ///< another session took this node over from us
    not_attached = 12,  ///< a batch whose sender is not attached on this connection
    too_large = 13,     ///< a message, header map or frame over its limit
    mailbox_full = 14,  ///< the receiver's mailbox is at its limit
    group_busy = 15,    ///< the group's stream is at its limit
    expired = 16,       ///< the ttl ran out before it was delivered
    forbidden = 17,
    timed_out = 18,        ///< the caller's deadline passed
    unreachable = 19,      ///< no broker answers at this address
    session_expired = 20,  ///< came back too late: the outcome of the last messages is unknown
    store_failed = 21,     ///< the broker cannot store at the moment
    node_absent = 22,      ///< the node exists, but nobody is attached to it
    too_many = 23,         ///< a configured number (nodes, groups, connections), or the system's of threads, is reached
    closed = 24,           ///< this object was closed
    would_block = 25,      ///< the send window is full and Options::when_full says refuse
    shutting_down = 26,    ///< the broker is going down
    invalid_argument = 27,
    deleted = 28,        ///< the node or group was deleted, or the message purged
    out_of_order = 29,   ///< a batch whose number is not the next one of its session
    undeliverable = 30,  ///< its readers went without acknowledging it, too often (max-redeliveries): a dead letter
    not_saved = 31,      ///< a receiver of a file could not write it: its disk is full, or cannot be written
    unauthorized = 32,   ///< the broker wants to know who this is, and does not
    not_leader = 33,     ///< this broker follows another one, which is to be dialled
};

/// How many codes there are (the highest number plus one).
inline constexpr std::uint16_t kErrorCodes = 34;

/// The code's name, as in the list above ("no_such_node"); "unknown" for a number that is not in it.
CAST_API const char* error_name(ErrorCode code) noexcept;
/// One short English sentence that says what happened and what to do about it.
CAST_API const char* error_hint(ErrorCode code) noexcept;
/// The HTTP status that answers it (200 for ok).
CAST_API int http_status(ErrorCode code) noexcept;
/// The exit code of command line tools: 0 done, 1 failed, 2 usage, 3 cannot reach the broker,
/// 4 not allowed, 5 no such node, group or id, 6 refused, 7 timed out.
CAST_API int exit_code(ErrorCode code) noexcept;

}  // namespace cast
