// Escaping and times. Pure.
#include "nodectl/output/text.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

#include "base/timestamp.hpp"
#include "base/utf8.hpp"

namespace nodectl {
namespace {

using cast::base::Character;
using cast::base::drives_terminal;
using cast::base::first_character;

std::uint8_t byte_at(std::string_view s, std::size_t i) { return static_cast<std::uint8_t>(s[i]); }

void append_escape(std::string& out, std::uint32_t point) {
    if (point == '\n')
        out += "\\n";
    else if (point == '\r')
        out += "\\r";
    else if (point == 0)
        out += "\\0";
    else if (point < 0x100)
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", point);
    else
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", point);
}

// How many bytes from `from` on satisfy `plain`.
template <class Plain>
std::size_t run(std::string_view bytes, std::size_t from, Plain plain) {
    std::size_t end = from;
    while (end < bytes.size() && plain(byte_at(bytes, end))) ++end;
    return end - from;
}

}  // namespace

void append_printable(std::string& out, std::string_view bytes, bool lines) {
    std::size_t i = 0;
    while (i < bytes.size()) {
        const std::size_t plain = run(bytes, i, [](std::uint8_t c) { return c >= 0x20 && c < 0x7F; });
        out.append(bytes, i, plain);
        i += plain;
        if (i == bytes.size()) return;
        const Character c = first_character(bytes.substr(i));
        if (c.size == 0)
            append_escape(out, byte_at(bytes, i));
        else if (c.point == '\t' || (lines && c.point == '\n'))
            out += bytes[i];
        else if (drives_terminal(c.point))
            append_escape(out, c.point);
        else
            out.append(bytes, i, c.size);
        i += c.size == 0 ? 1 : c.size;
    }
}

std::string printable(std::string_view bytes, bool lines) {
    std::string out;
    append_printable(out, bytes, lines);
    return out;
}

void append_time(std::string& out, std::chrono::system_clock::time_point time) {
    cast::base::append_timestamp(out, std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()));
}

std::string counted(std::uint64_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string count_trouble(const std::string& text) {
    const bool number = !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string::npos;
    if (number && text.find_first_not_of('0') != std::string::npos) return "";
    return "'" + printable(text) + "' is no count; write a whole number from 1 on";
}

std::string id_trouble(const std::string& text, std::string_view listed_by) {
    const bool number = !text.empty() && text.size() <= 19 && text.find_first_not_of("0123456789") == std::string::npos;
    return number ? "" : "'" + printable(text) + "' is no id: '" + std::string(listed_by) + "' shows them";
}

}  // namespace nodectl
