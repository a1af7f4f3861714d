// Bytes as hex digits in tests: readable vectors in, readable failures out. Pure; header only.
#pragma once
#include <string>
#include <string_view>

namespace cast::test {

/// "03 00 68": the bytes in lower case, a space between them.
inline std::string hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (char c : bytes) {
        if (!out.empty()) out += ' ';
        out += kDigits[static_cast<unsigned char>(c) >> 4];
        out += kDigits[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

/// The bytes of pairs of hex digits, spaces between them or not. Stops at what is neither.
inline std::string unhex(std::string_view text) {
    const auto digit = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == ' ') {
            ++at;
            continue;
        }
        if (at + 1 >= text.size() || digit(text[at]) < 0 || digit(text[at + 1]) < 0) break;
        out += static_cast<char>(digit(text[at]) * 16 + digit(text[at + 1]));
        at += 2;
    }
    return out;
}

}  // namespace cast::test
