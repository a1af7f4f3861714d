// Escaping, by one walk over the UTF-8. Any thread.
#include "server/log_text.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>

#include "base/utf8.hpp"

namespace broker {

using cast::base::Character;
using cast::base::drives_terminal;

std::string log_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    const auto add = std::back_inserter(out);
    while (!text.empty()) {
        const Character letter = cast::base::first_character(text);
        const std::size_t size = letter.size == 0 ? 1 : letter.size;
        if (letter.size == 0)
            fmt::format_to(add, "\\x{:02x}", static_cast<unsigned char>(text[0]));
        else if (letter.point == '\\')
            out += "\\\\";
        else if (letter.point == '\n')
            out += "\\n";
        else if (drives_terminal(letter.point) && letter.point < 0x80)
            fmt::format_to(add, "\\x{:02x}", static_cast<unsigned>(letter.point));
        else if (drives_terminal(letter.point))
            fmt::format_to(add, "\\u{:04x}", static_cast<unsigned>(letter.point));
        else
            out += text.substr(0, size);
        text.remove_prefix(size);
    }
    return out;
}

}  // namespace broker
