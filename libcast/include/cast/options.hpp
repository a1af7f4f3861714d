// cast/options.hpp: how a connection behaves; every setting with its default. Plain values.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "cast/error.hpp"
#include "cast/outcome.hpp"

namespace cast {

/// What a send does while the send window is full (too much is on its way without a receipt).
enum class WhenFull {
    block,   ///< wait for room, at most Options::send_timeout, then fail with timed_out
    refuse,  ///< fail at once with would_block
};

/// A message that the broker answered with a refusal, told to Options::on_refused.
struct Refusal {
    ErrorCode code = ErrorCode::internal;
    std::string target;        ///< the node or group; empty for a broadcast
    std::size_t messages = 0;  ///< how many messages of this target were refused together
};

/// Something that a program may want to log, told to Options::on_notice.
struct Notice {
    enum class Kind {
        connected,        ///< to the broker, first time or again
        disconnected,     ///< the connection is gone; libcast tries again by itself
        gap,              ///< messages were let go before this reader had them; see `count` and `text`
        taken_over,       ///< another reader receives as `node` from now on
        deleted,          ///< `node` was deleted
        session_expired,  ///< away for too long: the outcome of the last sends is unknown
        closed,  ///< `node` cannot be attached again, see `text`; without a node: Connection::close() was called
    };
    Kind kind = Kind::connected;
    std::string node;       ///< the node concerned, or empty
    std::size_t count = 0;  ///< gap: how many messages
    std::string text;       ///< one sentence
};

struct Options {
    /// The broker's ROUTER end: tcp://HOST:PORT or ipc://PATH. Empty: $CAST_BROKER, else tcp://127.0.0.1:5570.
    /// HOST is a name, an IPv4 number, or an IPv6 number in brackets. A name is looked up again at each attempt to
    /// connect, without holding up other connections, and all of its numbers are tried. Several ends, with commas
    /// between them, are tried in turn: each gets 0.5 s for its answer, in later rounds up to 4 s (a single one 2 s).
    /// An end whose store is an older copy of one that this program has spoken to is not used.
    std::string broker;

    /// How long attach() and other first calls wait for the broker before they fail with `unreachable`.
    std::chrono::milliseconds connect_timeout{5000};

    /// The longest that a send waits for room, and that a message waits at a full mailbox or a broker
    /// that is away, before it fails with timed_out or the broker's code.
    std::chrono::milliseconds send_timeout{30000};

    WhenFull when_full = WhenFull::block;

    /// Take the node over from whoever receives as it, be it an earlier Node of the same connection (otherwise:
    /// name_in_use).
    bool take_over = false;

    /// Attach for sending only: the node need not exist, may be in use elsewhere, and receives nothing.
    bool send_only = false;

    /// Acknowledge only what Node::ack() is called for (it covers everything given out so far), instead of
    /// the message before at each receive(). No more comes than `receive_window` allows, until it is called.
    bool manual_ack = false;

    /// Bytes of received messages a node may hold unhandled before the broker stops sending it more.
    /// 0: what the broker proposes (1 MiB by default). Larger values than the broker's are cut to it.
    std::size_t receive_window = 0;

    /// Told of refusals, on an internal thread, without locks held. Do not block in it; what it throws ends the program
    /// (std::terminate). It may call the library, close() too.
    std::function<void(const Refusal&)> on_refused;

    /// Told of connects, disconnects, gaps, and nodes that have ended; same thread and rule as on_refused.
    std::function<void(const Notice&)> on_notice;

    /// Told of the outcomes of asynchronous sends, which then do not go to Connection::outcomes(); same thread and rule
    /// as on_refused. Destroying the last copy of a connection waits until all have been told.
    std::function<void(const Outcome&)> on_outcome;

    /// Keep what on_notice is told for Connection::notices(), too: the latest 10,000 that were not taken.
    bool queue_notices = false;

    /// Shown in the broker's lists and logs.
    std::string agent = "libcast";
};

}  // namespace cast
