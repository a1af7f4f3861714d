// Sizes and counts as people write them: "1MiB", "64KiB", "10000". Pure; any thread. It knows nothing of settings: who
// reads one judges its range, so what is too large for the type is its largest value.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cast::base {

/// Digits only; '_' may stand between them ("10_000").
std::optional<std::uint64_t> parse_count(std::string_view text);

/// Bytes: a count, alone or with B, KiB, MiB, GiB, TiB (1024s) or kB, MB, GB, TB (1000s); letters in either case.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// The shortest of the forms above, with 1024s, that says exactly this much.
std::string format_size(std::uint64_t bytes);

}  // namespace cast::base
