// How a connection begins, and what ends it: HELLO and WELCOME, the limits that hold from then on, ERROR. Each a struct
// with encode (a whole frame; of version 2 exactly if it has fields) and decode (a body; `version` is its frame's).
// Pure; any thread. Decoded views point into the frame's bytes: keep those alive.
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/fields.hpp"
#include "wire/frame.hpp"
#include "wire/limits.hpp"
#include "wire/outcome.hpp"

namespace cast::wire {

/// What both sides of a connection know how to do beyond version 2: a bit each. PROTOCOL.md gives the bits out.
using Capabilities = std::uint64_t;
inline constexpr Capabilities kCapabilities = 0;  ///< those of this program

struct Hello {
    std::uint64_t session = 0;  ///< random, not 0
    std::uint32_t attempt = 0;  ///< the highest attempt of a session wins
    std::uint64_t seen = 0;     ///< every batch up to it has been receipted to the client
    std::string_view agent;
    // Fields. None of them: a HELLO of version 1.
    std::optional<Capabilities> capabilities = {};  ///< of the client
    std::string_view secret = {};                   ///< kSecret bytes that only this session's client knows; or empty
    std::string_view host = {};                     ///< where the client runs, for people who look; or empty
    std::string_view behalf = {};                   ///< whom a gateway speaks for on this connection; or empty
    Unknown unknown = {};
};

/// What a client is to keep to. In WELCOME, and as a frame of its own when the operator has changed it since.
struct Limits {
    std::uint32_t max_message = kMaxMessage;
    std::uint32_t window_bytes = kSenderWindow, window_batches = kSenderBatches;
    std::uint32_t reader_window = kReaderWindow;
    std::uint32_t ping_ms = 0;
    bool operator==(const Limits&) const = default;
};

struct Welcome : Limits {
    std::uint64_t epoch = 0;  ///< of this start of the broker
    std::uint64_t store = 0;  ///< the same after a restart only if what was receipted survived it
    std::uint64_t through = 0;
    bool known = false;            ///< the session was known, or is new (attempt 1): its numbers go on from `through`
    std::uint32_t session_ms = 0;  ///< so long a session is remembered for certain; 0: not for certain
    std::string_view version;
    std::vector<std::string_view> publish;  ///< the PUB ends; host "*" or 0.0.0.0: the host that was dialled
    std::vector<Outcome> refused;           ///< refusals after Hello::seen
    // Fields, only for who said a HELLO of version 2.
    std::optional<Capabilities> capabilities = {};  ///< of those that the client named, the ones that the broker has
    Unknown unknown = {};
};

struct ErrorReply {
    ErrorCode code = ErrorCode::internal;
    std::uint8_t verb = 0;  ///< of the frame that it answers
    std::string_view text;
    // Fields, only for who said a HELLO of version 2.
    std::string_view leader = {};  ///< with not_leader: the address of the broker to dial; or empty
    Unknown unknown = {};
};

std::string encode(const Hello& m);
bool decode(std::string_view body, Hello& m, std::uint8_t version = kVersion);
std::string encode(const Limits& m);
bool decode(std::string_view body, Limits& m);
std::string encode(const Welcome& m);
bool decode(std::string_view body, Welcome& m, std::uint8_t version = kVersion);
std::string encode(const ErrorReply& m);
bool decode(std::string_view body, ErrorReply& m, std::uint8_t version = kVersion);

}  // namespace cast::wire
