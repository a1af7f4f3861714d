// See times.hpp.
#include "nodectl/input/times.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>

#include "base/duration.hpp"
#include "base/timestamp.hpp"

namespace nodectl {
namespace {

using std::chrono::microseconds;

constexpr Milliseconds kLongest = std::chrono::hours(24 * 3660);  // kLongestText says it
// 2262-04-11T23:47:15.999999Z, kLastDay says it: a system_clock of nanoseconds cannot count much further.
constexpr microseconds kLast{9'223'372'035'999'999};

std::optional<Timestamp> in_range(std::optional<microseconds> since_1970) {
    if (!since_1970 || since_1970->count() < 0 || *since_1970 > kLast) return std::nullopt;
    return Timestamp(*since_1970);
}

/// "2030-01-31", so many days after the one of a time here.
std::string local_date(Timestamp time, int days_after) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm day{};
    localtime_r(&seconds, &day);
    day.tm_mday += days_after;
    day.tm_hour = 12;  // there is a noon on every day
    day.tm_isdst = -1;
    std::mktime(&day);
    return fmt::format("{:04}-{:02}-{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

/// The next time that the clock here shows this.
std::optional<Timestamp> parse_clock(std::string_view text, Timestamp now) {
    if (text.find_first_not_of("0123456789:") != std::string_view::npos) return std::nullopt;
    const auto on = [&](int days_after) {
        return in_range(cast::base::parse_timestamp(fmt::format("{}T{}", local_date(now, days_after), text),
                                                    cast::base::NoOffset::local_time));
    };
    const auto today = on(0);
    return today && *today > now ? today : on(1);
}

}  // namespace

std::optional<Milliseconds> up_to_longest(std::optional<Milliseconds> duration) {
    return duration && *duration <= kLongest ? duration : std::nullopt;
}

std::optional<Timestamp> parse_time(std::string_view text, Timestamp now) {
    if (text.size() > 2 && text[2] == ':') return parse_clock(text, now);
    if (text.size() > 4 && text[4] == '-')
        return in_range(cast::base::parse_timestamp(text, cast::base::NoOffset::local_time));
    return in_range(cast::base::parse_unix_seconds(text));
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

std::string local_time_text(Timestamp time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm day{};
    localtime_r(&seconds, &day);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday,
                       day.tm_hour, day.tm_min, day.tm_sec);
}

Milliseconds slice_of(const std::optional<Milliseconds>& silence, std::chrono::nanoseconds passed) {
    constexpr Milliseconds kLeast(1), kMost(200);
    return silence ? std::clamp(std::chrono::ceil<Milliseconds>(*silence - passed), kLeast, kMost) : kMost;
}

CLI::Option* add_duration(CLI::App& app, const std::string& names, std::optional<Milliseconds>& into,
                          const std::string& description) {
    const auto take = [&into](const std::string& text) {
        into = up_to_longest(cast::base::parse_duration(text));
        if (!into) {
            throw CLI::ValidationError(
                fmt::format("'{}' is no duration of at most {}; write 500ms, 5s, 2m, 1h, or a plain number of seconds",
                            text, kLongestText));
        }
    };
    return app.add_option_function<std::string>(names, take, description)->type_name("TIME");
}

CLI::Option* add_time(CLI::App& app, const std::string& names, std::optional<Timestamp>& into,
                      const std::string& description) {
    const auto take = [&into](const std::string& text) {
        into = parse_time(text, std::chrono::system_clock::now());
        if (!into) {
            throw CLI::ValidationError(fmt::format("'{}' is no time up to {}; write {}", text, kLastDay, kTimeForms));
        }
    };
    return app.add_option_function<std::string>(names, take, description)->type_name("TIME");
}

}  // namespace nodectl
