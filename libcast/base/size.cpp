// See size.hpp.
#include "base/size.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <limits>

namespace cast::base {
namespace {

struct SizeUnit {
    std::string_view name;
    std::uint64_t bytes;
};

// Largest first: formatting takes the first that divides.
constexpr std::array kBinary{SizeUnit{"TiB", 1ull << 40}, SizeUnit{"GiB", 1ull << 30}, SizeUnit{"MiB", 1ull << 20},
                             SizeUnit{"KiB", 1ull << 10}, SizeUnit{"B", 1}};
constexpr std::array kDecimal{SizeUnit{"TB", 1000'000'000'000}, SizeUnit{"GB", 1000'000'000}, SizeUnit{"MB", 1000'000},
                              SizeUnit{"kB", 1000}};

constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();

bool equal_letters(std::string_view left, std::string_view right) {
    return std::ranges::equal(left, right,
                              [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

std::uint64_t unit_bytes(std::string_view unit) {
    for (const auto& known : kBinary)
        if (equal_letters(unit, known.name)) return known.bytes;
    for (const auto& known : kDecimal)
        if (equal_letters(unit, known.name)) return known.bytes;
    return unit.empty() ? 1 : 0;
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
    const std::size_t digits = std::min(text.find_first_not_of("0123456789_"), text.size());
    const auto count = parse_count(text.substr(0, digits));
    const std::uint64_t unit = unit_bytes(text.substr(digits));
    if (!count || unit == 0) return std::nullopt;
    return *count > kMost / unit ? kMost : *count * unit;
}

std::string format_size(std::uint64_t bytes) {
    for (const auto& unit : kBinary)
        if (bytes >= unit.bytes && bytes % unit.bytes == 0)
            return std::to_string(bytes / unit.bytes) + std::string(unit.name);
    return "0";
}

}  // namespace cast::base
