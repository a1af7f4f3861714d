// Batch: consecutive records from one sender to one target under one header; the one unit on the wire,
// in memory and on disk. Pure; any thread. Once sealed it never changes, but for the three fields that
// the broker stamps when it takes it into a stream (stream, sequence, arrival).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/limits.hpp"

namespace cast::wire {

enum class Cast : std::uint8_t { unicast = 1, multicast = 2, broadcast = 3 };

/// Bits of a batch's flags.
enum BatchFlags : std::uint8_t {
    kWantsDelivered = 1,  ///< answer when the reader's cursor passes it (unicast only)
    kResume = 2,          ///< first batch to this target after a refusal for being full
    kEcho = 4,            ///< group and broadcast: the sender's own node receives it too
    kAskReceipt = 8,      ///< send a receipt at the end of this turn
    kAttachedOnly = 16,   ///< unicast: refuse with node_absent when nobody is attached
    kScheduled = 32,      ///< it waits at the broker first: `arrival_us` says how long, or until when
    kBatchFlagsMask = 63,
};

/// The arrival of a kScheduled batch, until its time has come: below this a delay in microseconds, from here on a time
/// since 1970.
inline constexpr std::uint64_t kDelayBelow = std::uint64_t{1} << 48;

/// What a batch's header says. Offsets and sizes in PROTOCOL.md, "Batch".
struct BatchHeader {
    Cast cast = Cast::unicast;
    std::uint64_t session = 0;
    std::uint64_t number = 0;      ///< 1, 2, 3... within the session
    std::uint64_t stream = 0;      ///< stamped by the broker
    std::uint64_t sequence = 0;    ///< of its first record; stamped by the broker
    std::uint64_t arrival_us = 0;  ///< microseconds since 1970; stamped by the broker
    std::uint32_t count = 0;
    std::uint32_t ttl_ms = 0;  ///< 0: lives for ever
    std::uint8_t priority = kDefaultPriority;
    std::uint8_t flags = 0;
    std::string_view target;  ///< node, group, or empty for broadcast
    std::string_view sender;
};

/// A decoded batch: its header and views on its bytes.
struct BatchView {
    BatchHeader header;
    std::string_view bytes;    ///< all of it, header included
    std::string_view records;  ///< `header.count` records back to back

    std::uint64_t last_sequence() const { return header.sequence + header.count - 1; }
};

/// Appends a header with count 0 and length 0; seal_batch fills them in once the records are appended. The caller
/// has checked the names.
void begin_batch(std::string& out, const BatchHeader& header);

/// Writes length, number, count and flags into the batch that begins at out[at] and reaches to the end of `out`.
void seal_batch(std::string& out, std::size_t at, std::uint64_t number, std::uint32_t count, std::uint8_t flags);

/// Decodes the batch at the front of `bytes` (which may hold more after it). Nothing when it is malformed:
/// lengths that do not fit, an unknown version, cast or flag, a priority over 9, a sender or target that is
/// no name, a sequence that would wrap, or more records than its bytes can hold. Does not look inside the records.
std::optional<BatchView> read_batch(std::string_view bytes);

/// Writes the three fields that belong to the broker into a batch's bytes.
void stamp_batch(char* batch, std::uint64_t stream, std::uint64_t sequence, std::uint64_t arrival_us);

/// Takes kScheduled off a batch whose time has come.
void clear_scheduled(char* batch);

/// Writes another session id into a batch that was never sent.
void claim_batch(char* batch, std::uint64_t session);

/// Calls visit(BatchView) for each batch back to back in `bytes`; false when one is malformed (those before it
/// have been visited by then).
template <class Visit>
bool for_each_batch(std::string_view bytes, Visit&& visit) {
    while (!bytes.empty()) {
        const auto batch = read_batch(bytes);
        if (!batch) return false;
        visit(*batch);
        bytes.remove_prefix(batch->bytes.size());
    }
    return true;
}

}  // namespace cast::wire
