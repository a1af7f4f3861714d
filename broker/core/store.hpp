// Store: where promises are kept, and the plain values that pass between it and the core. The core counts turns; a
// receipt leaves only once the store says that the turn which accepted the batch is committed. The interface is
// called on the broker's thread only; it never blocks there. Rows are the whole truth about what they name.
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
};

inline constexpr std::uint8_t kDeadStream = 32;  ///< kind of the stream of one dead letter

/// A lane of a mailbox, a group, or broadcast: `kind` as in cast::wire::StreamInfo; or kLaterStream.
struct StreamRow {
    StreamId id = 0;
    std::uint8_t kind = 0;  ///< or kDeadStream
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
    std::uint32_t goings = 0;  ///< of a lane: Lane::goings
    Sequence began = 0;        ///< `last` when the epoch began that wrote this
};

struct MemberRow {
    std::string node;
    StreamId stream = 0;
    Sequence cursor = 0;
    Sequence high = 0;
};

struct SessionRow {
    SessionId id = 0;
    std::uint64_t through = 0;
    std::vector<cast::wire::Outcome> refused;
    std::vector<cast::wire::Outcome> delivered;
    std::vector<std::pair<std::string, cast::ErrorCode>> blocked;  ///< by way_to()
    SecretHash secret = {};
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
};

/// A dead letter: a stream of its own with one batch of one record.
struct LetterRow {
    StreamId stream = 0;
    std::uint64_t number = 0;
    std::uint64_t dead_us = 0;  ///< wall
    cast::wire::Slice frame;
};

struct Erasure {
    StreamId stream = 0;
    Sequence through = 0;  ///< chunks that end at or below it go
    Sequence from = 0;     ///< of those that begin here or above
};

/// The stream of what waits for its time, besides cast::wire::StreamInfo's kinds: each batch is a chunk of its own, and
/// `arrival_us` is when it is due.
inline constexpr std::uint8_t kLaterStream = 18;

/// What changed since the last transaction; kept whole or not at all. Applied in this order: what is gone, then rows
/// (each replaces its predecessor), then erasures, then chunks.
struct Transaction {
    Turn turn = 0;
    StreamId next_stream = 0;
    std::uint64_t forgetful_epoch = 0;  ///< in which sessions were last dropped before their time, for their number
    std::uint64_t session_us = 0;       ///< how long a session is kept now
    std::vector<std::string> nodes_gone;
    std::vector<StreamId> streams_gone;  ///< with their chunks and memberships
    std::vector<StreamId> letters_gone;
    std::vector<std::pair<std::string, StreamId>> members_gone;
    std::vector<SessionId> sessions_gone;
    std::vector<NodeRow> nodes;
    std::vector<StreamRow> streams;
    std::vector<LetterRow> letters;
    std::vector<MemberRow> members;
    std::vector<SessionRow> sessions;
    std::vector<Erasure> erasures;
    std::vector<ChunkRow> chunks;
};

/// Asks for the chunks of a stream from a sequence on; at least one chunk when there is one.
struct Load {
    StreamId stream = 0;
    Sequence from = 0;
    std::size_t bytes = 0;
    std::uint64_t look = 0;        ///< not 0: for somebody who looks on; comes back with the answer
    Sequence upto = ~Sequence{0};  ///< the store has all through here; an answer that found no more speaks of no more
    static constexpr std::uint64_t kExpiry = ~std::uint64_t{0};  ///< for what has expired there
};

/// The answer: batches as DELIVER frames, in order.
struct Loaded {
    StreamId stream = 0;
    Sequence from = 0;
    Sequence through = 0;  ///< nothing up to it is left out; the load's `upto` when nothing followed
    bool failed = false;   ///< the disk did not answer, or not with what was written: ask again later
    std::vector<cast::wire::Slice> frames;
    std::string why;         ///< it failed, in words
    bool corrupt = false;    ///< asking again will hardly help
    std::uint64_t look = 0;  ///< the load's
    Sequence damaged = 0;    ///< the last number of the chunk that is corrupt; 0: not known
    static constexpr Sequence kEnd = ~Sequence{0};
};

/// When the first batch of a lane's chunk runs out.
struct ExpiryRow {
    StreamId stream = 0;
    Sequence first = 0;  ///< of the chunk
    Sequence last = 0;
    std::uint64_t at_us = 0;  ///< wall
};

/// What a start finds. Chunks of groups come without their frames.
struct Recovered {
    bool clean = true;  ///< the last broker ended in order: it knew what its readers had
    StreamId next_stream = 0;
    std::uint64_t forgetful_epoch = 0;
    std::uint64_t session_us = 0;  ///< 0: a broker wrote it that did not say
    std::vector<NodeRow> nodes;
    std::vector<StreamRow> streams;
    std::vector<MemberRow> members;
    std::vector<SessionRow> sessions;
    std::vector<ChunkRow> group_chunks;
    std::vector<ExpiryRow> expiries;
};

class Store {
public:
    virtual ~Store() = default;
    /// True when the core need not collect anything: what it holds in memory is all there is.
    virtual bool volatile_only() const { return false; }
    /// It can take a transaction now.
    virtual bool idle() const = 0;
    /// Only when idle. Tried until it succeeds.
    virtual void begin(Transaction&& transaction) = 0;
    /// The last turn that is kept for good.
    virtual Turn committed() const = 0;
    virtual void load(const Load& load) = 0;
    /// The next answer to a load; false when there is none.
    virtual bool loaded(Loaded& loaded) = 0;
    /// Readable when something was committed, loaded or has changed; -1: never.
    virtual int descriptor() const { return -1; }
    /// False while it cannot take anything: new batches are then refused with store_failed.
    virtual bool healthy() const = 0;
    /// It takes what only lets go of something: more than nothing when it is not healthy for want of room.
    virtual bool lets_go() const { return healthy(); }
    /// Why it is not healthy, or what an operator should know. Empty: nothing.
    virtual std::string trouble() const { return {}; }
    /// Attempts that failed, ever.
    virtual std::uint64_t failures() const { return 0; }
    /// How long the transaction under way has been tried, in ms; 0: there is none.
    virtual std::int64_t busy_ms() const { return 0; }
    /// It will not be told of all that happened: this end of the broker is not one in order.
    virtual void incomplete() {}
    /// Its name for status: "memory", "sqlite".
    virtual const char* name() const = 0;
};

}  // namespace broker
