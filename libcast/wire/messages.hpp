// The bodies of frames once a connection stands, each a struct with encode (a whole frame) and decode (a body). CAST
// and DELIVER hold batches (batch.hpp); how a connection begins and fails is in handshake.hpp. Pure; any thread.
// Decoded views point into the frame's bytes: keep those alive.
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/fields.hpp"
#include "wire/frame.hpp"
#include "wire/handshake.hpp"
#include "wire/limits.hpp"
#include "wire/outcome.hpp"

namespace cast::wire {

/// Where a reader stands in a stream.
struct Position {
    std::uint64_t stream = 0;
    std::uint64_t acked = 0;  ///< handled through this sequence
    /// The client holds all through this sequence. In an ATTACH of a later epoch: it began after this one.
    std::uint64_t received = 0;
};

enum AttachFlags : std::uint8_t {
    kReceive = 1,   ///< hold the node for receiving
    kTakeOver = 2,  ///< take it from whoever holds it
    kAgain = 4,     ///< the same reader, attached before in this epoch, does so again after a cut: its positions hold
    kEarlier = 8,   ///< ...within what the epoch before this one had kept: they are of that one
    kBefore = 16,   ///< alone: they are of the epoch before that, and it was not attached since
};

struct AttachNode {
    std::uint8_t flags = 0;
    std::string_view name;
    std::vector<Position> positions;
};
struct Attach {
    std::uint32_t request = 0;
    std::vector<AttachNode> nodes;
    Unknown unknown = {};  ///< fields: there are none yet
};

/// A stream that a node reads, as the broker describes it.
struct StreamInfo {
    std::uint64_t stream = 0;
    std::uint8_t kind = 0;        ///< 0-9 a mailbox lane of that priority, 16 a group, 17 broadcast
    std::string_view group;       ///< for a group
    std::uint64_t cursor = 0;     ///< the reader goes on after this sequence
    std::uint64_t last = 0;       ///< the stream's last sequence now
    std::uint64_t delivered = 0;  ///< messages up to it were handed to an earlier reader: redelivered
};
inline constexpr std::uint8_t kGroupStream = 16;
inline constexpr std::uint8_t kBroadcastStream = 17;

struct AttachedNode {
    ErrorCode code = ErrorCode::ok;
    std::string_view name;
    std::vector<StreamInfo> streams;
};
struct Attached {
    std::uint32_t request = 0;
    std::vector<AttachedNode> nodes;
    Unknown unknown = {};  ///< fields: there are none yet
};

struct Detach {
    std::vector<std::string_view> names;
};
struct Detached {
    std::string_view name;
    ErrorCode code = ErrorCode::ok;
};

struct AckException {
    std::string_view node;
    std::uint64_t sequence = 0;
};
struct AckEntry {
    std::uint64_t stream = 0;
    std::uint64_t sequence = 0;            ///< all reading nodes of this connection, cumulative...
    std::vector<AckException> exceptions;  ///< ...but these, which stand earlier
};
struct Ack {
    std::vector<AckEntry> entries;
    Unknown unknown = {};  ///< fields: there are none yet
};

struct Fetch {
    std::uint64_t stream = 0;
    std::uint64_t from = 0;
    std::uint32_t max_bytes = 0;
};
struct Fetched {  ///< ends the answer to a FETCH: what came before it covers from..through
    std::uint64_t stream = 0;
    std::uint64_t from = 0;
    std::uint64_t through = 0;
};
/// What a stream's batches are published under. It differs in every epoch, so that nobody hears one that he has not
/// been welcomed to: the same numbers may mean other batches there.
inline std::uint64_t publish_topic(std::uint64_t stream, std::uint64_t epoch) {
    return stream ^ epoch * 0x9E3779B97F4A7C15u;
}

enum class GapReason : std::uint8_t {
    expired = 1,
    retention = 2,
    purged = 3,
    lost = 4,
    malformed = 5,
    redeliveries = 6
};
struct Gap {
    std::uint64_t stream = 0;
    std::uint64_t from = 0;
    std::uint64_t to = 0;  ///< inclusive
    GapReason reason = GapReason::expired;
};
struct Tail {
    std::uint64_t stream = 0;
    std::uint64_t sequence = 0;
};
struct Receipt {
    std::uint64_t through = 0;
    std::vector<Outcome> refused;
    std::vector<Outcome> delivered;  ///< answers to kWantsDelivered
};
struct Membership {
    std::string_view node;
    bool joined = false;
    StreamInfo stream;
};
struct Control {
    std::uint32_t request = 0;
    std::string_view json;
};
struct ControlReply {
    std::uint32_t request = 0;
    ErrorCode code = ErrorCode::ok;
    std::string_view json;  ///< or, with a code, a sentence
};
struct Ping {  ///< PING and PONG
    std::uint64_t token = 0;
};

// encode: a whole frame. decode: the body of one; false when it is malformed or too long.
std::string encode(const Attach& m);
bool decode(std::string_view body, Attach& m, std::uint8_t version = kVersion);
std::string encode(const Attached& m);
bool decode(std::string_view body, Attached& m, std::uint8_t version = kVersion);
std::string encode(const Detach& m);
bool decode(std::string_view body, Detach& m);
std::string encode(const Detached& m);
bool decode(std::string_view body, Detached& m);
std::string encode(const Ack& m);
bool decode(std::string_view body, Ack& m, std::uint8_t version = kVersion);
std::string encode(const Fetch& m);
bool decode(std::string_view body, Fetch& m);
std::string encode(const Fetched& m);
bool decode(std::string_view body, Fetched& m);
std::string encode(const Gap& m);
bool decode(std::string_view body, Gap& m);
std::string encode(const Tail& m);
bool decode(std::string_view body, Tail& m);
std::string encode(const Receipt& m);
bool decode(std::string_view body, Receipt& m);
std::string encode(const Membership& m);
bool decode(std::string_view body, Membership& m);
std::string encode(const Control& m);
bool decode(std::string_view body, Control& m);
std::string encode(const ControlReply& m);
bool decode(std::string_view body, ControlReply& m);
std::string encode_ping(Verb ping_or_pong, const Ping& m);
bool decode(std::string_view body, Ping& m);
std::string encode_bye();

}  // namespace cast::wire
