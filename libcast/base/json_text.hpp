// JSON as text: what came from outside is read within limits, and what is written is always valid. Writing and walking
// a value recurse once a level, so a text of nothing but brackets would end the process: what nests deeper than
// kDeepest is no JSON here. A value takes up to a hundred bytes where its text has two, so of strangers what has more
// than kMostValues is none either. Pure; any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace cast::base {

inline constexpr std::size_t kMostValues = 250'000;  // with the names of members
inline constexpr int kDeepest = 512;  // levels of objects and arrays; a level takes a few hundred bytes of stack

/// The value of a text; discarded when it is no JSON, nests too deeply, or has more than `most` values.
nlohmann::json parse_json(std::string_view text, std::size_t most = SIZE_MAX);

/// The text of a value, on one line; bytes that are no UTF-8 become U+FFFD.
std::string dump_json(const nlohmann::json& value);
std::string dump_json(const nlohmann::ordered_json& value);

/// Appends a quoted JSON string; bytes that are no UTF-8 become U+FFFD, and what could drive a terminal is escaped.
void append_json_string(std::string& out, std::string_view bytes);

}  // namespace cast::base
