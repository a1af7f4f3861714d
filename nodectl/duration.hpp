// Durations as people type them: 500ms, 5s, 2m, 1h, 1d; a plain number means seconds. The one parser for
// every option and every JSON line. Pure.
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

/// The longest duration that is understood: for messages about what is none.
inline constexpr const char* kLongestText = "3660 days";

/// Nothing when the text is no duration, negative, or longer than 10 years (of 366 days). "0.0001" is 1 ms, not 0.
std::optional<Milliseconds> parse_duration(std::string_view text);

/// "500ms", "5s", "1m 30s": for messages to people.
std::string duration_text(Milliseconds duration);

/// The same for how long something has been up: "less than 1s" in its first second.
std::string uptime_text(double seconds);

/// How long to wait at once, of a silence that ends the waiting (if any) and has lasted so long: 1 ms to 200 ms, so
/// that a signal is seen soon and the silence ends when it should.
Milliseconds slice_of(const std::optional<Milliseconds>& silence, std::chrono::nanoseconds passed);

/// An option that takes a duration; a bad one is a usage error that names the forms.
CLI::Option* add_duration(CLI::App& app, const std::string& names, std::optional<Milliseconds>& into,
                          const std::string& description);

}  // namespace nodectl
