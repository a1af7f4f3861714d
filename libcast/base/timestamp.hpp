// Timestamps as text: RFC 3339 in and out, and seconds since 1970. Pure, but for the time zone of the environment where
// it is asked for; any thread. It reads no clock.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cast::base {

/// What a timestamp without an offset from UTC is.
enum class NoOffset { refused, local_time };

/// "2030-01-31T14:30:00Z", since 1970: with a fraction of any length (what is less than a microsecond is dropped), 'Z'
/// or an offset ("+02:00"), perhaps a space for the 'T', and perhaps without the seconds. Of the years 0 to 9999; a
/// leap second is the one after it. So it may be one that no system_clock can hold.
std::optional<std::chrono::microseconds> parse_timestamp(std::string_view text, NoOffset without = NoOffset::refused);

/// "1700000000" or "1700000000.25", before the year 33000.
std::optional<std::chrono::microseconds> parse_unix_seconds(std::string_view text);

/// 2024-05-01T12:00:00.123456Z
void append_timestamp(std::string& out, std::chrono::microseconds since_1970);

}  // namespace cast::base
