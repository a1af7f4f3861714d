// Escaping, JSON strings, UTF-8, base64 and times. Pure.
#include "text.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <iterator>

namespace nodectl {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct Character {
    std::uint32_t point = 0;
    std::size_t size = 0;  // 0: not UTF-8
};

std::uint8_t byte_at(std::string_view s, std::size_t i) { return static_cast<std::uint8_t>(s[i]); }

// The first character of `s`, which is not empty. Overlong forms and surrogates are not UTF-8.
Character decode(std::string_view s) {
    const std::uint8_t lead = byte_at(s, 0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || s.size() < size) return {};
    std::uint32_t point = lead & (0xFFu >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte_at(s, i) & 0xC0) != 0x80) return {};
        point = point << 6 | (byte_at(s, i) & 0x3Fu);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[size] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return {};
    return {point, size};
}

bool drives_terminal(std::uint32_t point) {
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x200E || point == 0x200F ||
           (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) || point == 0xFEFF;
}

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

int base64_value(char c) {
    const auto at = kBase64.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// How many bytes from `from` on satisfy `plain`.
template <class Plain>
std::size_t run(std::string_view bytes, std::size_t from, Plain plain) {
    std::size_t end = from;
    while (end < bytes.size() && plain(byte_at(bytes, end))) ++end;
    return end - from;
}

}  // namespace

bool valid_utf8(std::string_view bytes) {
    std::size_t i = 0;
    while (i < bytes.size()) {
        i += run(bytes, i, [](std::uint8_t c) { return c < 0x80; });
        if (i == bytes.size()) break;
        const Character c = decode(bytes.substr(i));
        if (c.size == 0) return false;
        i += c.size;
    }
    return true;
}

void append_printable(std::string& out, std::string_view bytes, bool lines) {
    std::size_t i = 0;
    while (i < bytes.size()) {
        const std::size_t plain = run(bytes, i, [](std::uint8_t c) { return c >= 0x20 && c < 0x7F; });
        out.append(bytes, i, plain);
        i += plain;
        if (i == bytes.size()) return;
        const Character c = decode(bytes.substr(i));
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

void append_json(std::string& out, std::string_view bytes) {
    out += '"';
    std::size_t i = 0;
    while (i < bytes.size()) {
        const auto harmless = [](std::uint8_t c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
        const std::size_t plain = run(bytes, i, harmless);
        out.append(bytes, i, plain);
        i += plain;
        if (i == bytes.size()) break;
        const Character c = decode(bytes.substr(i));
        if (c.size == 0)
            out += "\\ufffd";
        else if (c.point == '"' || c.point == '\\')
            (out += '\\') += static_cast<char>(c.point);
        else if (c.point == '\n')
            out += "\\n";
        else if (c.point == '\t')
            out += "\\t";
        else if (c.point == '\r')
            out += "\\r";
        else if (drives_terminal(c.point))
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", c.point);
        else
            out.append(bytes, i, c.size);
        i += c.size == 0 ? 1 : c.size;
    }
    out += '"';
}

void append_base64(std::string& out, std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < have ? byte_at(bytes, i + k) : 0u);
        for (std::size_t k = 0; k < 4; ++k) out += k <= have ? kBase64[bits >> (18 - 6 * k) & 63] : '=';
    }
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && !text.empty() && text.back() == '=') {
        text.remove_suffix(1);
        ++padding;
    }
    std::string out;
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        const int value = base64_value(c);
        if (value < 0) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        held += 6;
        if (held >= 8) out += static_cast<char>(bits >> (held -= 8) & 0xFF);
    }
    return out;
}

void append_time(std::string& out, std::chrono::system_clock::time_point time) {
    using namespace std::chrono;
    static thread_local std::int64_t last = -1;  // the messages of a batch arrived together
    static thread_local std::string text;
    const auto us = duration_cast<microseconds>(time.time_since_epoch()).count();
    if (us == last) {
        out += text;
        return;
    }
    const std::time_t second = static_cast<std::time_t>(us / 1'000'000);
    std::tm tm{};
    gmtime_r(&second, &tm);
    text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                       tm.tm_hour, tm.tm_min, tm.tm_sec, us % 1'000'000);
    last = us;
    out += text;
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
