// Names of nodes and groups: what is allowed, and the broker's own '$' names. Pure; any thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace cast::wire {

/// True for 1 to 128 bytes of [A-Za-z0-9._-] that do not start with '.' or '-'.
bool valid_name(std::string_view name) noexcept;

/// True for a name that only the broker and libcast give out: '$' and a valid name.
bool reserved_name(std::string_view name) noexcept;

/// The hidden node that answers to one session come to: "$reply." and 16 hex digits.
std::string reply_name(std::uint64_t session);

/// True when `name` is reply_name(session).
bool is_reply_name(std::string_view name, std::uint64_t session);

inline constexpr std::string_view kBrokerName = "$broker";
inline constexpr std::string_view kEventsGroup = "$events";
inline constexpr std::string_view kNobodyName = "$nobody";  // is never attached

}  // namespace cast::wire
