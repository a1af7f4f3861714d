// Plain values that all parts of the core share: ids, time, and its configuration. No behaviour.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "wire/limits.hpp"

namespace broker {

/// A peer of the ROUTER socket: the edge's number for its routing id. Never used again while it is known.
using ConnectionId = std::uint64_t;
using StreamId = std::uint64_t;
using SessionId = std::uint64_t;
using Sequence = std::uint64_t;

/// Time is always given from outside: the core reads no clock.
struct Now {
    std::int64_t mono_us = 0;   ///< monotonic; for timers
    std::uint64_t wall_us = 0;  ///< since 1970; for stamps
};

/// Of the batches that the broker makes itself and numbers, each once.
inline constexpr SessionId kBrokerSession = ~SessionId{0};

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kMs = 1000;
inline constexpr std::int64_t kSecond = 1000 * kMs;

/// What the broker remembers of a session's secret: enough to know it again, too little to say it. All zeros: none.
using SecretHash = std::array<unsigned char, 16>;

/// For tests: no hash at all. The broker's program has another one (secret_hash.hpp).
inline SecretHash as_it_is(std::string_view secret) {
    SecretHash hash{};
    std::copy_n(secret.begin(), std::min(secret.size(), hash.size()), hash.begin());
    return hash;
}

/// Limits and times of the core, each with its default: the only place of these numbers. broker::Options begins with
/// them, and explains each to the operator.
struct Config {
    std::uint64_t epoch = 1;
    std::uint64_t store_id = 1;
    StreamId first_stream = 1;      ///< ids are given out from here upwards
    StreamId broadcast_stream = 0;  ///< as the store knows it; 0: the first one given out
    bool durable = false;           ///< there is a store on disk: what changes is listed for it
    /// What the broker keeps of a session's secret: a hash that cannot be turned around, never all zeros.
    SecretHash (*hash_secret)(std::string_view secret) = as_it_is;

    std::size_t max_message = cast::wire::kMaxMessage;
    std::size_t max_connections = 10000;
    std::size_t max_nodes = 100000;
    std::size_t max_groups = 10000;
    std::size_t max_memberships = 1000000;  ///< of all nodes in all groups
    std::size_t max_sessions = 65536;  ///< remembered ones without a connection are dropped beyond it, oldest first

    std::size_t mailbox_messages = 1000000;
    std::size_t mailbox_bytes = 64u << 20;
    std::size_t group_messages = 1000000;
    std::size_t group_bytes = 64u << 20;
    std::int64_t group_age_us = 3600 * kSecond;
    std::size_t memory_budget = 1u << 30;
    bool reject_full = false;  ///< who finds no room is told so for good, instead of to try again
    std::size_t scheduled_messages = 100000;
    std::size_t scheduled_bytes = 64u << 20;
    std::int64_t scheduled_us = 366 * 86400 * kSecond;  ///< how far ahead a message may be due
    std::size_t dead_letter_messages = 10000;           ///< dead letters that are kept
    std::size_t dead_letter_bytes = 16u << 20;          ///< 0 of either: none are kept
    std::uint32_t max_redeliveries = 0;     ///< a message that has cost its readers more is a dead letter; 0: never
    std::size_t history_messages = 100;     ///< acknowledged ones kept a node, for somebody who looks; 0: none
    std::size_t history_bytes = 16u << 20;  ///< of all nodes together

    /// Of long work in one turn, each a microsecond or two; the rest goes on in the next.
    std::size_t turn_steps = 1000;

    std::size_t sender_window = cast::wire::kSenderWindow;
    std::size_t reader_window = cast::wire::kReaderWindow;

    std::int64_t session_us = 600 * kSecond;
    std::int64_t grace_us = 10 * kSecond;
    std::int64_t ping_us = 3 * kSecond;
    std::int64_t dead_after_us = 10 * kSecond;
    std::int64_t backpressure_us = 5 * kSecond;

    // Fixed times of the protocol (PROTOCOL.md, sections 4 and 5).
    std::int64_t receipt_us = 2 * kMs;
    std::int64_t conflict_us = 1 * kSecond;
    std::int64_t tail_us = 50 * kMs;
    std::int64_t tail_max_us = 2 * kSecond;
    std::int64_t progress_us = 200 * kMs;
    std::size_t lag_bytes = 4u << 20;
    std::size_t lag_batches = 512;
    std::size_t few_nodes =
        8;  ///< of one connection in one group: their cursors are stored with each ACK, those of more in turns

    /// Bytes under way to a reader. With a store its acknowledgements wait for the broker, which makes transactions.
    std::size_t under_way() const { return durable ? 2 * reader_window : reader_window; }

    bool operator==(const Config&) const = default;
};

inline constexpr Config kDefaults{};

}  // namespace broker
