// Moments: text to a point in time and back. Pure, but for the time zone, and the option that it hangs into CLI11.
#include "moment.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <ctime>

namespace nodectl {
namespace {

constexpr std::int64_t kMostSeconds = 9'223'372'035;  // 2262-04-11T23:47:15Z: system_clock cannot count further

// Takes characters off the front of a text.
struct Scan {
    std::string_view text;
    bool good = true;

    bool skip(std::string_view any) {
        const bool found = !text.empty() && any.find(text.front()) != std::string_view::npos;
        if (found) text.remove_prefix(1);
        return found;
    }
    void need(std::string_view any) { good = skip(any) && good; }
    int number(std::size_t digits, int least, int most) {
        int value = 0;
        for (std::size_t i = 0; i < digits && good; ++i) {
            good = !text.empty() && text.front() >= '0' && text.front() <= '9';
            if (!good) return 0;
            value = value * 10 + (text.front() - '0');
            text.remove_prefix(1);
        }
        good = good && value >= least && value <= most;
        return value;
    }
    std::int64_t fraction_us() {
        std::int64_t us = 0;
        if (!skip(".")) return 0;
        std::size_t digits = 0;
        for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), ++digits)
            if (digits < 6) us = us * 10 + (text.front() - '0');
        good = good && digits > 0;
        for (; digits < 6; ++digits) us *= 10;
        return us;
    }
    bool end() const { return good && text.empty(); }
};

// Nothing when it is beyond what a Moment can hold.
std::optional<Moment> moment_at(std::int64_t seconds, std::int64_t us = 0) {
    if (seconds > kMostSeconds) return std::nullopt;
    return Moment(std::chrono::microseconds(seconds * 1'000'000 + us));
}

void read_clock(Scan& scan, std::tm& day) {
    day.tm_hour = scan.number(2, 0, 23);
    scan.need(":");
    day.tm_min = scan.number(2, 0, 59);
    if (scan.skip(":")) day.tm_sec = scan.number(2, 0, 60);
}

// The next time that the clock here shows this.
std::optional<Moment> parse_clock(std::string_view text, Moment now) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm day{};
    localtime_r(&seconds, &day);
    Scan scan{text};
    day.tm_sec = 0;
    read_clock(scan, day);
    if (!scan.end()) return std::nullopt;
    day.tm_isdst = -1;
    std::tm tomorrow = day;
    ++tomorrow.tm_mday;
    const auto today = moment_at(std::mktime(&day));
    return today && *today > now ? today : moment_at(std::mktime(&tomorrow));
}

std::optional<Moment> parse_date(std::string_view text) {
    Scan scan{text};
    std::tm day{};
    day.tm_year = scan.number(4, 1970, 9999) - 1900;
    scan.need("-");
    day.tm_mon = scan.number(2, 1, 12) - 1;
    scan.need("-");
    day.tm_mday = scan.number(2, 1, 31);
    scan.need("Tt ");
    read_clock(scan, day);
    const std::int64_t us = scan.fraction_us();
    day.tm_isdst = -1;
    const int month = day.tm_mon;
    if (scan.end()) {
        const std::int64_t seconds = std::mktime(&day);
        return day.tm_mon == month ? moment_at(seconds, us) : std::nullopt;
    }
    std::int64_t offset = 0;
    if (!scan.skip("Zz")) {
        const bool west = !scan.text.empty() && scan.text.front() == '-';
        scan.need("+-");
        offset = scan.number(2, 0, 23) * 3600;
        scan.need(":");
        offset += scan.number(2, 0, 59) * 60;
        if (west) offset = -offset;
    }
    const std::int64_t seconds = timegm(&day) - offset;
    if (!scan.end() || day.tm_mon != month) return std::nullopt;  // there is no 31st of June
    return moment_at(seconds, us);
}

std::optional<Moment> parse_seconds(std::string_view text) {
    std::int64_t seconds = 0;
    Scan scan{text};
    for (; !scan.text.empty() && scan.text.front() != '.'; scan.text.remove_prefix(1)) {
        if (scan.text.front() < '0' || scan.text.front() > '9' || seconds > kMostSeconds) return std::nullopt;
        seconds = seconds * 10 + (scan.text.front() - '0');
    }
    const std::int64_t us = scan.fraction_us();
    if (text.empty() || text.front() == '.' || !scan.end()) return std::nullopt;
    return moment_at(seconds, us);
}

}  // namespace

std::optional<Moment> parse_moment(std::string_view text, Moment now) {
    if (text.size() > 2 && text[2] == ':') return parse_clock(text, now);
    if (text.size() > 4 && text[4] == '-') return parse_date(text);
    return parse_seconds(text);
}

std::string moment_text(Moment moment) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(moment);
    std::tm day{};
    localtime_r(&seconds, &day);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday,
                       day.tm_hour, day.tm_min, day.tm_sec);
}

CLI::Option* add_moment(CLI::App& app, const std::string& names, std::optional<Moment>& into,
                        const std::string& description) {
    const auto take = [&into](const std::string& text) {
        into = parse_moment(text, std::chrono::system_clock::now());
        if (!into) {
            throw CLI::ValidationError(fmt::format("'{}' is no time up to {}; write {}", text, kLastDay, kMomentForms));
        }
    };
    return app.add_option_function<std::string>(names, take, description)->type_name("TIME");
}

}  // namespace nodectl
