// Store: where promises are kept, and the plain values that pass between it and the core. The core counts turns; a
// receipt leaves only once the store says that the turn which accepted the batch is committed. The interface is
// called on the broker's thread only; it never blocks there.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/transaction.hpp"
#include "core/types.hpp"
#include "wire/slice.hpp"

namespace broker {

/// Asks for the chunks of a stream from a sequence on; at least one chunk when there is one.
struct Load {
    StreamId stream = 0;
    Sequence from = 0;
    std::size_t bytes = 0;
    std::uint64_t browse = 0;      ///< not 0: for somebody who looks on; comes back with the answer
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
    std::string why;           ///< it failed, in words
    bool corrupt = false;      ///< asking again will hardly help
    std::uint64_t browse = 0;  ///< the load's
    Sequence damaged = 0;      ///< the last number of the chunk that is corrupt; 0: not known
    static constexpr Sequence kEnd = ~Sequence{0};
};

/// When the first batch of a lane's chunk runs out.
struct ExpiryRow {
    StreamId stream = 0;
    Sequence first = 0;  ///< of the chunk
    Sequence last = 0;
    std::uint64_t at_us = 0;  ///< wall
};

/// What a store begins with that is new.
struct NewStore {
    std::uint64_t id = 0;
    std::uint64_t epoch = 0;  ///< for a store that forgets all; others count their epochs
    StreamId first_stream = 0;
};

/// What a start finds. Chunks of groups come without their frames.
struct Recovered {
    std::uint64_t store_id = 0;
    std::uint64_t epoch = 0;  ///< the one that begins with this start
    bool clean = true;        ///< the last broker ended in order: it knew what its readers had
    StreamId next_stream = 0;
    std::uint64_t forgetful_epoch = 0;
    std::uint64_t session_us = 0;  ///< 0: a broker wrote it that did not say
    std::vector<NodeRow> nodes;
    std::vector<StreamRow> streams;
    std::vector<MemberRow> members;
    std::vector<SessionRow> sessions;
    std::vector<ChunkRow> group_chunks;
    std::vector<ExpiryRow> expiry_queue;
};

/// From open() to close() it is one epoch. A constructor takes what belongs to the store (a directory and its lock) and
/// changes nothing in it, so that a start which fails before open() leaves the store as the last epoch left it.
class Store {
public:
    virtual ~Store() = default;
    /// Begins the epoch, once nothing else can keep the broker from serving. Throws std::runtime_error with a sentence
    /// for the operator.
    virtual void open(const NewStore& fresh) = 0;
    /// What the start finds; once, after open() and before the first transaction. Throws like open().
    virtual Recovered recover() = 0;
    /// Ends the epoch in order: everything is committed, and the broker knows what its readers have. False when that
    /// could not be noted: what was receipted is there all the same, unless the store is lost().
    virtual bool close() = 0;
    /// After close(): a start would not find what was receipted, or not all of it.
    virtual bool lost() const { return false; }
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
