// See duration.hpp.
#include "base/duration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace cast::base {
namespace {

using std::chrono::milliseconds;

struct DurationUnit {
    std::string_view name;
    std::uint64_t ms;
};

// Largest first: formatting takes the first that divides.
constexpr std::array kUnits{DurationUnit{"d", 86'400'000}, DurationUnit{"h", 3'600'000}, DurationUnit{"m", 60'000},
                            DurationUnit{"s", 1000}, DurationUnit{"ms", 1}};
constexpr std::uint64_t kLongest = std::numeric_limits<std::int64_t>::max();

std::size_t count_digits(std::string_view text) { return std::min(text.find_first_not_of("0123456789"), text.size()); }

std::uint64_t unit_ms(std::string_view unit) {
    if (unit.empty()) return 1000;
    const auto known = std::ranges::find(kUnits, unit, &DurationUnit::name);
    return known == kUnits.end() ? 0 : known->ms;
}

/// So many units; kLongest when that is more.
std::uint64_t whole_ms(std::string_view digits, std::uint64_t unit) {
    std::uint64_t count = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    return result.ec == std::errc::result_out_of_range || count > kLongest / unit ? kLongest : count * unit;
}

/// The digits behind the point, of a unit, rounded up. Exact, however many they are: from the last to the first.
std::uint64_t fraction_ms(std::string_view digits, std::uint64_t unit) {
    std::uint64_t tenths = 0;
    bool more = false;
    for (; !digits.empty(); digits.remove_suffix(1)) {
        tenths += static_cast<std::uint64_t>(digits.back() - '0') * unit;
        more = more || tenths % 10 != 0;
        tenths /= 10;
    }
    return tenths + (more ? 1 : 0);
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    const std::string_view whole = text.substr(0, count_digits(text));
    text.remove_prefix(whole.size());
    std::string_view fraction;
    if (text.starts_with('.')) {
        fraction = text.substr(1, count_digits(text.substr(1)));
        if (fraction.empty()) return std::nullopt;
        text.remove_prefix(1 + fraction.size());
    }
    const std::uint64_t unit = unit_ms(text);
    if (unit == 0 || (whole.empty() && fraction.empty())) return std::nullopt;
    const std::uint64_t ms = whole_ms(whole, unit) + fraction_ms(fraction, unit);
    return milliseconds(static_cast<std::int64_t>(std::min(ms, kLongest)));
}

std::optional<milliseconds> parse_duration(double seconds) {
    if (!(seconds >= 0)) return std::nullopt;
    std::array<char, 400> text{};  // the largest double has 309 digits, the smallest one 324 zeros
    const auto end = std::to_chars(text.data(), text.data() + text.size(), std::abs(seconds), std::chars_format::fixed);
    return end.ec == std::errc() ? parse_duration(std::string_view(text.data(), end.ptr)) : std::nullopt;
}

std::string format_duration(milliseconds duration) {
    const auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
    for (const auto& unit : kUnits)
        if (ms >= unit.ms && ms % unit.ms == 0) return std::to_string(ms / unit.ms) + std::string(unit.name);
    return "0s";
}

}  // namespace cast::base
