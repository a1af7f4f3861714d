// Sizes, counts and durations as people write them: "1MiB", "64KiB", "10000", "250ms", "5m".
// Pure functions, any thread. It knows nothing of settings: ranges are judged elsewhere, so what is too large for the
// type is its largest value.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// Digits only; '_' may stand between them ("10_000").
std::optional<std::uint64_t> parse_count(std::string_view text);

/// Bytes: a count, alone or with B, KiB, MiB, GiB, TiB (1024s) or kB, MB, GB, TB (1000s); letters in either case.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// A count with its unit, ms, s, m, h or d; a bare 0 too.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest of the forms above that says exactly this much.
std::string format_size(std::uint64_t bytes);
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace broker
