// Durations and points in time of options and JSON lines: how long and how late they may be, which forms people have
// beside those of base/duration.hpp and base/timestamp.hpp, and how both are told to people. Pure, but for the time
// zone of the environment and the options that are hung into CLI11; it reads no clock.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's
class App;
class Option;
}  // namespace CLI

namespace nodectl {

using Milliseconds = std::chrono::milliseconds;
using Timestamp = std::chrono::system_clock::time_point;

/// The longest duration, the last day and the forms of times: for messages about what is none.
inline constexpr const char* kLongestText = "3660 days";
inline constexpr const char* kLastDay = "2262-04-11";
inline constexpr const char* kTimeForms = "14:30, 2030-01-31T14:30:00Z, or seconds since 1970";

/// Nothing when there is none, or one that is longer than 10 years (of 366 days).
std::optional<Milliseconds> up_to_longest(std::optional<Milliseconds> duration);

/// A time of the clock here ("14:30": the next one), RFC 3339 (without an offset from UTC in the local time), or
/// seconds since 1970. Nothing when it is none, before 1970, or after 2262-04-11T23:47:15Z.
std::optional<Timestamp> parse_time(std::string_view text, Timestamp now);

/// "500ms", "5s", "1m 30s".
std::string duration_text(Milliseconds duration);

/// The same for how long something has been up: "less than 1s" in its first second.
std::string uptime_text(double seconds);

/// "2030-01-31 14:30:00" in the local time.
std::string local_time_text(Timestamp time);

/// How long to wait at once, of a silence that ends the waiting (if any) and has lasted so long: 1 ms to 200 ms, so
/// that a signal is seen soon and the silence ends when it should.
Milliseconds slice_of(const std::optional<Milliseconds>& silence, std::chrono::nanoseconds passed);

/// Options that take one of these; a bad one is a usage error that names the forms.
CLI::Option* add_duration(CLI::App& app, const std::string& names, std::optional<Milliseconds>& into,
                          const std::string& description);
CLI::Option* add_time(CLI::App& app, const std::string& names, std::optional<Timestamp>& into,
                      const std::string& description);

}  // namespace nodectl
