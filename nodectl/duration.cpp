// Durations: text to milliseconds and back. Pure, but for the option that it hangs into CLI11.
#include "duration.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>

namespace nodectl {
namespace {

constexpr double kLongest = 10.0 * 366 * 86400 * 1000;  // ms; kLongestText says it

double unit_ms(std::string_view unit) {
    if (unit.empty() || unit == "s") return 1000;
    if (unit == "ms") return 1;
    if (unit == "m") return 60'000;
    if (unit == "h") return 3'600'000;
    if (unit == "d") return 86'400'000;
    return 0;
}

}  // namespace

std::optional<Milliseconds> parse_duration(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{}) return std::nullopt;
    const double unit = unit_ms(text.substr(static_cast<std::size_t>(end - text.data())));
    const double ms = number * unit;
    if (unit == 0 || !(ms >= 0) || ms > kLongest) return std::nullopt;
    return Milliseconds(static_cast<std::int64_t>(std::ceil(ms)));
}

std::string duration_text(Milliseconds duration) {
    const auto ms = duration.count();
    if (ms < 1000) return fmt::format("{}ms", ms);
    if (ms % 1000 != 0 && ms < 60'000) return fmt::format("{:.1f}s", static_cast<double>(ms) / 1000);
    std::string out;
    const auto add = [&](std::int64_t count, char unit) {
        if (count != 0) out += fmt::format("{}{}{}", out.empty() ? "" : " ", count, unit);
    };
    add(ms / 86'400'000, 'd');
    add(ms / 3'600'000 % 24, 'h');
    add(ms / 60'000 % 60, 'm');
    add(ms / 1000 % 60, 's');
    return out;
}

std::string uptime_text(double seconds) {
    return seconds < 1 ? "less than 1s" : duration_text(Milliseconds(static_cast<std::int64_t>(seconds) * 1000));
}

Milliseconds slice_of(const std::optional<Milliseconds>& silence, std::chrono::nanoseconds passed) {
    constexpr Milliseconds kLeast(1), kMost(200);
    return silence ? std::clamp(std::chrono::ceil<Milliseconds>(*silence - passed), kLeast, kMost) : kMost;
}

CLI::Option* add_duration(CLI::App& app, const std::string& names, std::optional<Milliseconds>& into,
                          const std::string& description) {
    const auto take = [&into](const std::string& text) {
        into = parse_duration(text);
        if (!into) {
            throw CLI::ValidationError(
                fmt::format("'{}' is no duration of at most {}; write 500ms, 5s, 2m, 1h, or a plain number of seconds",
                            text, kLongestText));
        }
    };
    return app.add_option_function<std::string>(names, take, description)->type_name("TIME");
}

}  // namespace nodectl
