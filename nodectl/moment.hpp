// Moments as people type them: 2030-01-31T14:30:00Z (RFC 3339), 14:30 (the next one, here), or seconds since 1970. The
// one parser for every option and every JSON line. Reads the time zone of the environment, and no clock.
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

using Moment = std::chrono::system_clock::time_point;

/// Where moments end, and how they are written: for messages about what is none.
inline constexpr const char* kLastDay = "2262-04-11";
inline constexpr const char* kMomentForms = "14:30, 2030-01-31T14:30:00Z, or seconds since 1970";

/// Nothing when the text is no moment, or one after 2262-04-11T23:47:15Z. Without an offset from UTC a date is one of
/// the local time.
std::optional<Moment> parse_moment(std::string_view text, Moment now);

/// "2030-01-31 14:30:00" in the local time: for people.
std::string moment_text(Moment moment);

/// An option that takes a moment; a bad one is a usage error that names the forms.
CLI::Option* add_moment(CLI::App& app, const std::string& names, std::optional<Moment>& into,
                        const std::string& description);

}  // namespace nodectl
