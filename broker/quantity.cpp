// Sizes, counts and durations from and to text, by two tables of units.
#include "quantity.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <limits>

namespace broker {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Largest first: formatting takes the first that divides.
constexpr std::array kSizes{Unit{"TiB", 1ull << 40}, Unit{"GiB", 1ull << 30}, Unit{"MiB", 1ull << 20},
                            Unit{"KiB", 1ull << 10}, Unit{"B", 1}};
constexpr std::array kDecimalSizes{Unit{"TB", 1000'000'000'000}, Unit{"GB", 1000'000'000}, Unit{"MB", 1000'000},
                                   Unit{"kB", 1000}};
constexpr std::array kDurations{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1000},
                                Unit{"ms", 1}};

constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();

bool equal_letters(std::string_view left, std::string_view right) {
    return std::ranges::equal(left, right,
                              [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

std::size_t digits(std::string_view text) { return std::min(text.find_first_not_of("0123456789_"), text.size()); }

std::optional<std::uint64_t> times(std::optional<std::uint64_t> count, std::uint64_t factor) {
    if (!count) return std::nullopt;
    return *count > kMost / factor ? kMost : *count * factor;
}

template <std::size_t N>
std::string format(std::uint64_t value, const std::array<Unit, N>& units) {
    const auto unit =
        std::ranges::find_if(units, [&](const Unit& u) { return value >= u.factor && value % u.factor == 0; });
    return unit == units.end() ? "0" : std::to_string(value / unit->factor) + std::string(unit->name);
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text) {
    if (text.empty() || text.front() == '_' || text.back() == '_') return std::nullopt;
    std::string plain(text);
    std::erase(plain, '_');
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
    if (end != plain.data() + plain.size()) return std::nullopt;
    if (error == std::errc::result_out_of_range) return kMost;
    return error == std::errc{} ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    const auto number = parse_count(text.substr(0, digits(text)));
    const auto unit = text.substr(digits(text));
    if (unit.empty()) return number;
    for (const auto& known : kSizes) {
        if (equal_letters(unit, known.name)) return times(number, known.factor);
    }
    for (const auto& known : kDecimalSizes) {
        if (equal_letters(unit, known.name)) return times(number, known.factor);
    }
    return std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    if (text == "0") return std::chrono::milliseconds{0};
    const auto number = parse_count(text.substr(0, digits(text)));
    for (const auto& known : kDurations) {
        if (text.substr(digits(text)) != known.name) continue;
        const auto ms = times(number, known.factor);
        if (!ms) return std::nullopt;
        const std::uint64_t most = std::numeric_limits<std::int64_t>::max();
        return std::chrono::milliseconds{static_cast<std::int64_t>(std::min(*ms, most))};
    }
    return std::nullopt;
}

std::string format_size(std::uint64_t bytes) { return format(bytes, kSizes); }

std::string format_duration(std::chrono::milliseconds duration) {
    if (duration.count() <= 0) return "0s";
    return format(static_cast<std::uint64_t>(duration.count()), kDurations);
}

}  // namespace broker
