// Durations as people and programs write them, in one grammar for settings, the command line, the API and the page
// (broker/gateway/web/lib/duration.ts; tests/support/durations.txt has examples that hold for both). Pure; any thread.
// It knows no ranges: who reads a duration judges it, so what is too long for the type is its largest value.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cast::base {

/// Digits, perhaps with a fraction ("1.5", ".5"), and a unit: ms, s, m, h or d; without one they are seconds. What is
/// less than a millisecond is rounded up: "0.0001" is 1 ms, so that only 0 is nothing.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The same of a number of seconds, as it stands in JSON. Nothing when it is negative or no number.
std::optional<std::chrono::milliseconds> parse_duration(double seconds);

/// The largest unit that says exactly this much: "90s", "1d"; "0s" for nothing and less. parse_duration reads it.
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace cast::base
