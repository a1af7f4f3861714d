// Escaping, by one walk over the UTF-8. Any thread.
#include "log_text.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace broker {
namespace {

struct Letter {
    char32_t code = 0;
    std::size_t size = 0;  ///< bytes; 0: this is no UTF-8
};

/// The letter at the beginning of a text that is not empty.
Letter first_letter(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return {lead, 1};
    const std::size_t size = lead >= 0xf0 && lead < 0xf5   ? 4
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                                                           : 0;
    if (size == 0 || text.size() < size) return {};
    char32_t code = lead & (0xffu >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xc0) != 0x80) return {};
        code = code << 6 | (next & 0x3f);
    }
    const bool too_long = code < (size == 4 ? 0x10000u : size == 3 ? 0x800u : 0x80u);
    const bool no_letter = code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
    return too_long || no_letter ? Letter{} : Letter{code, size};
}

bool steers(char32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string log_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    const auto add = std::back_inserter(out);
    while (!text.empty()) {
        const Letter letter = first_letter(text);
        const std::size_t size = letter.size == 0 ? 1 : letter.size;
        if (letter.size == 0)
            fmt::format_to(add, "\\x{:02x}", static_cast<unsigned char>(text[0]));
        else if (letter.code == '\\')
            out += "\\\\";
        else if (letter.code == '\n')
            out += "\\n";
        else if (steers(letter.code) && letter.code < 0x80)
            fmt::format_to(add, "\\x{:02x}", static_cast<unsigned>(letter.code));
        else if (steers(letter.code))
            fmt::format_to(add, "\\u{:04x}", static_cast<unsigned>(letter.code));
        else
            out += text.substr(0, size);
        text.remove_prefix(size);
    }
    return out;
}

}  // namespace broker
