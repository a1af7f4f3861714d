// Bytes as hexadecimal digits in lower case. Pure; any thread.
#pragma once
#include <string>
#include <string_view>

namespace cast::base {

inline std::string to_hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    out.reserve(2 * bytes.size());
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

}  // namespace cast::base
