// Base64 of RFC 4648: the standard alphabet, with padding, in one piece. Pure; any thread.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace cast::base {

void append_base64(std::string& out, std::string_view bytes);
std::string encode_base64(std::string_view bytes);

/// Nothing when the text is not base64: another character (also a space or a line's end), or padding that is missing,
/// too long or not at the end. The unused bits of the last digit may have any value.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace cast::base
