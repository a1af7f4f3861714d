// See timestamp.hpp.
#include "base/timestamp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>

namespace cast::base {
namespace {

using std::chrono::microseconds;

bool digit(char c) { return c >= '0' && c <= '9'; }

/// Takes characters off the front of a text.
struct Scan {
    std::string_view text;
    bool good = true;

    bool skip(std::string_view any) {
        const bool found = !text.empty() && any.find(text.front()) != std::string_view::npos;
        if (found) text.remove_prefix(1);
        return found;
    }
    void need(std::string_view any) { good = skip(any) && good; }
    int number(int digits, int least, int most) {
        int value = 0;
        for (int i = 0; i < digits && good; ++i) {
            good = !text.empty() && digit(text.front());
            if (!good) return 0;
            value = value * 10 + (text.front() - '0');
            text.remove_prefix(1);
        }
        good = good && value >= least && value <= most;
        return value;
    }
    std::int64_t fraction_us() {
        if (!skip(".")) return 0;
        std::int64_t us = 0;
        int digits = 0;
        for (; !text.empty() && digit(text.front()); text.remove_prefix(1), ++digits)
            if (digits < 6) us = us * 10 + (text.front() - '0');
        good = good && digits > 0;
        for (; digits < 6; ++digits) us *= 10;
        return us;
    }
    /// Of "Z", "+02:00", "-03:30".
    std::int64_t offset_s() {
        if (skip("Zz")) return 0;
        const bool west = text.starts_with('-');
        need("+-");
        const std::int64_t hours = number(2, 0, 23);
        need(":");
        const std::int64_t seconds = hours * 3600 + number(2, 0, 59) * 60;
        return west ? -seconds : seconds;
    }
    bool end() const { return good && text.empty(); }
};

bool is_date(const std::tm& day) {
    using namespace std::chrono;
    return year_month_day(year(day.tm_year + 1900), month(static_cast<unsigned>(day.tm_mon + 1)),
                          std::chrono::day(static_cast<unsigned>(day.tm_mday)))
        .ok();
}

void append_number(std::string& out, std::int64_t value, std::size_t digits) {
    const std::string text = std::to_string(value);
    out.append(digits - std::min(digits, text.size()), '0') += text;
}

}  // namespace

std::optional<microseconds> parse_timestamp(std::string_view text, NoOffset without) {
    Scan scan{text};
    std::tm day{};
    day.tm_year = scan.number(4, 0, 9999) - 1900;
    scan.need("-");
    day.tm_mon = scan.number(2, 1, 12) - 1;
    scan.need("-");
    day.tm_mday = scan.number(2, 1, 31);
    scan.need("Tt ");
    day.tm_hour = scan.number(2, 0, 23);
    scan.need(":");
    day.tm_min = scan.number(2, 0, 59);
    if (scan.skip(":")) day.tm_sec = scan.number(2, 0, 60);
    const std::int64_t us = scan.fraction_us();
    if (!scan.good || !is_date(day)) return std::nullopt;
    if (scan.end() && without == NoOffset::local_time) {
        day.tm_isdst = -1;
        return microseconds(std::mktime(&day) * 1'000'000 + us);
    }
    const std::int64_t offset = scan.offset_s();
    if (!scan.end()) return std::nullopt;
    return microseconds((timegm(&day) - offset) * 1'000'000 + us);
}

std::optional<microseconds> parse_unix_seconds(std::string_view text) {
    constexpr std::int64_t kMostSeconds = 1'000'000'000'000;
    if (text.empty() || !digit(text.front())) return std::nullopt;
    Scan scan{text};
    std::int64_t seconds = 0;
    for (; !scan.text.empty() && digit(scan.text.front()); scan.text.remove_prefix(1)) {
        seconds = seconds * 10 + (scan.text.front() - '0');
        if (seconds >= kMostSeconds) return std::nullopt;
    }
    const std::int64_t us = scan.fraction_us();
    if (!scan.end()) return std::nullopt;
    return microseconds(seconds * 1'000'000 + us);
}

void append_timestamp(std::string& out, microseconds since_1970) {
    static thread_local microseconds last = microseconds::min();  // the messages of a batch arrived together
    static thread_local std::string text;
    if (since_1970 != last) {
        const auto second = std::chrono::floor<std::chrono::seconds>(since_1970);
        const std::time_t time = second.count();
        std::tm tm{};
        gmtime_r(&time, &tm);
        text.clear();
        append_number(text, tm.tm_year + 1900, 4);
        const auto add = [](char before, int value) { append_number(text += before, value, 2); };
        add('-', tm.tm_mon + 1);
        add('-', tm.tm_mday);
        add('T', tm.tm_hour);
        add(':', tm.tm_min);
        add(':', tm.tm_sec);
        append_number(text += '.', (since_1970 - second).count(), 6);
        text += 'Z';
        last = since_1970;
    }
    out += text;
}

}  // namespace cast::base
