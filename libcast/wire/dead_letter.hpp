// Letter: a message that could not be handled, wrapped in a record for the dead letters: why, for whom, from whom, and
// the message's own record as it was. PROTOCOL.md, "Dead letters". Pure; any thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/limits.hpp"
#include "wire/record.hpp"

namespace cast::wire {

inline constexpr std::string_view kDeadLetters = "$dead";  ///< where letters are sent to
inline constexpr std::string_view kDeadLetterType = "application/vnd.cast.dead-letter";
inline constexpr std::size_t kDeadLetterDetail = 512;  ///< bytes of a detail; more is cut
/// What a letter takes besides the record that it wraps, at most.
inline constexpr std::size_t kDeadLetterOverhead = 2048;

inline constexpr std::string_view kReasonExpired = "expired";  ///< its ttl ran out
inline constexpr std::string_view kReasonRefused = "refused";  ///< by its reader
inline constexpr std::string_view kReasonDeleted = "deleted";  ///< its node was, or has vanished
inline constexpr std::string_view kReasonRedeliveries =
    "redeliveries";  ///< its readers went without acknowledging it, too often

struct DeadLetterEnvelope {
    std::string_view reason;  ///< one of the above
    std::string_view detail;  ///< what its reader says; may be empty
    std::string_view sender;  ///< of the message
    std::string_view target;  ///< the node that it was for
    std::string_view group;   ///< of a multicast; "*" of a broadcast
    int priority = kDefaultPriority;
    std::uint64_t arrival_us = 0;  ///< when the broker took the message
    std::string_view record;       ///< the message's record, with its length
};

/// Appends a record that holds the letter.
void append_dead_letter(std::string& out, const DeadLetterEnvelope& letter);
/// Its headers and payload, for who sends it as a message of kDeadLetterType.
HeaderList dead_letter_headers(const DeadLetterEnvelope& letter);

/// The letter in a record, and the message in it; nothing when it is none.
std::optional<DeadLetterEnvelope> read_dead_letter(const RecordView& record);
std::optional<RecordView> dead_letter_message(const DeadLetterEnvelope& letter);

}  // namespace cast::wire
