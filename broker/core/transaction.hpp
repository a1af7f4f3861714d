// Transaction: what changed since the last one, as rows: the core has the store keep it whole or not at all. A row is
// the whole truth about what it names. Plain values; store/codec.hpp has them as bytes.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/types.hpp"
#include "wire/messages.hpp"
#include "wire/slice.hpp"

namespace broker {

using Turn = std::uint64_t;

/// Sequences that are gone, and why.
struct GoneRange {
    Sequence from = 0;
    Sequence to = 0;
    cast::wire::GapReason reason = cast::wire::GapReason::lost;
    bool operator==(const GoneRange&) const = default;
};

struct NodeRow {
    std::string name;
    bool created = false;
    int port = 0;
    SessionId holder = 0;  ///< who received as it; only matters for one that was made by attaching
    bool operator==(const NodeRow&) const = default;
};

inline constexpr std::uint8_t kDeadLetterStream = 32;  ///< kind of the stream of one dead letter

/// A lane of a mailbox, a group, or broadcast: `kind` as in cast::wire::StreamInfo; or kScheduledStream.
struct StreamRow {
    StreamId id = 0;
    std::uint8_t kind = 0;  ///< or kDeadLetterStream
    bool created = false;   ///< of a group
    std::string owner;      ///< the node or the group
    Sequence last = 0;
    Sequence floor = 0;          ///< all readers are past it: a lane's cursor
    Sequence high = 0;           ///< of a lane: handed to a reader through this sequence; of a dead letter: its number
    Sequence passed = 0;         ///< let go through this sequence; less than the floor while passed ones are to be read
    std::uint64_t messages = 0;  ///< of the batches beyond that, and their bytes
    std::uint64_t bytes = 0;
    Sequence chunk_first = 0;  ///< the newest chunk, and how many bytes it has: it may grow
    std::uint32_t chunk_bytes = 0;
    std::vector<GoneRange> gone;
    std::uint32_t delivery_attempts = 0;  ///< of a lane: Lane::goings
    Sequence began = 0;                   ///< `last` when the epoch began that wrote this
    bool operator==(const StreamRow&) const = default;
};

struct MemberRow {
    std::string node;
    StreamId stream = 0;
    Sequence cursor = 0;
    Sequence high = 0;
    bool operator==(const MemberRow&) const = default;
};

struct SessionRow {
    SessionId id = 0;
    std::uint64_t through = 0;
    std::vector<cast::wire::Outcome> refused;
    std::vector<cast::wire::Outcome> delivered;
    std::vector<std::pair<std::string, cast::ErrorCode>> blocked;  ///< by destination_key()
    SecretHash secret = {};
    bool operator==(const SessionRow&) const = default;
};

/// Batches of one stream, back to back. `frames` are DELIVER frames of one batch each; their headers are not kept.
struct ChunkRow {
    StreamId stream = 0;
    Sequence first = 0;
    Sequence last = 0;
    Sequence extends = 0;  ///< not 0: goes to the end of the chunk that begins there
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;       ///< of the frames
    std::uint64_t arrival_us = 0;  ///< of the last batch; wall
    std::uint64_t expires_us = 0;  ///< when the first of its batches with a ttl runs out; wall; 0: none has one
    std::vector<cast::wire::Slice> frames;
    bool operator==(const ChunkRow&) const = default;
};

/// A dead letter: a stream of its own with one batch of one record.
struct DeadLetterRow {
    StreamId stream = 0;
    std::uint64_t number = 0;
    std::uint64_t dead_at_us = 0;  ///< wall
    cast::wire::Slice frame;
    bool operator==(const DeadLetterRow&) const = default;
};

struct Erasure {
    StreamId stream = 0;
    Sequence through = 0;  ///< chunks that end at or below it go
    Sequence from = 0;     ///< of those that begin here or above
    bool operator==(const Erasure&) const = default;
};

/// The stream of what waits for its time, besides cast::wire::StreamInfo's kinds: each batch is a chunk of its own, and
/// `arrival_us` is when it is due.
inline constexpr std::uint8_t kScheduledStream = 18;

/// What changed since the last transaction; kept whole or not at all. Applied in this order: what is gone, then rows
/// (each replaces its predecessor), then erasures, then chunks.
struct Transaction {
    Turn turn = 0;
    StreamId next_stream = 0;
    std::uint64_t forgetful_epoch = 0;  ///< in which sessions were last dropped before their time, for their number
    std::uint64_t session_us = 0;       ///< how long a session is kept now
    std::vector<std::string> nodes_gone;
    std::vector<StreamId> streams_gone;  ///< with their chunks and memberships
    std::vector<StreamId> dead_letters_gone;
    std::vector<std::pair<std::string, StreamId>> members_gone;
    std::vector<SessionId> sessions_gone;
    std::vector<NodeRow> nodes;
    std::vector<StreamRow> streams;
    std::vector<DeadLetterRow> letters;
    std::vector<MemberRow> members;
    std::vector<SessionRow> sessions;
    std::vector<Erasure> erasures;
    std::vector<ChunkRow> chunks;
    bool operator==(const Transaction&) const = default;
};

}  // namespace broker
