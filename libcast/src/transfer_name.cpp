// What a sender calls a file becomes a name that is safe in a folder. Pure; any thread.
#include "src/transfer_name.hpp"

#include <cast/transfer.hpp>

#include <cstdint>

namespace cast {
namespace {

constexpr std::size_t kLongest = 200;       // a file system takes 255; a number may follow
constexpr std::size_t kLongestEnding = 16;  // ".tar.gz" and the like

// The length of the UTF-8 character at the front and its number; length 0 when it is none.
std::size_t decode(std::string_view text, std::uint32_t& character) {
    const auto lead = static_cast<unsigned char>(text[0]);
    character = lead;
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
    character = lead & (0xFFu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xC0) != 0x80) return 0;
        character = character << 6 | (next & 0x3Fu);
    }
    const bool overlong = (length == 3 && character < 0x800) || (length == 4 && character < 0x10000);
    const bool surrogate = character >= 0xD800 && character < 0xE000;
    return overlong || surrogate || character > 0x10FFFF ? 0 : length;
}

// Control characters, line and paragraph separators, and what turns the writing direction.
bool unfit(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) || c == 0x200E || c == 0x200F ||
           c == 0x061C || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

std::size_t ending_at(std::string_view name) {
    auto dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || name.size() - dot > kLongestEnding) return name.size();
    if (dot > 4 && name.substr(dot - 4, 4) == ".tar") dot -= 4;
    return dot;
}

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

std::string clean_file_name(std::string_view name) {
    if (const auto slash = name.find_last_of("/\\"); slash != std::string_view::npos) name.remove_prefix(slash + 1);
    std::string out;
    while (!name.empty()) {
        std::uint32_t character = 0;
        const std::size_t length = decode(name, character);
        if (length == 0 || unfit(character))
            out += '_';
        else
            out += name.substr(0, length);
        name.remove_prefix(length == 0 ? 1 : length);
    }
    if (out.empty()) return "file";
    for (std::size_t i = 0; i < out.size() && (out[i] == '.' || out[i] == '-'); ++i) out[i] = '_';
    if (out.size() <= kLongest) return out;
    const std::string ending = out.substr(ending_at(out));
    std::size_t cut = kLongest - ending.size();
    while (cut > 0 && continues(out[cut])) --cut;
    return out.substr(0, cut) + ending;
}

namespace detail {

std::string numbered_name(const std::string& name, unsigned number) {
    if (number == 0) return name;
    const std::size_t at = ending_at(name);
    return name.substr(0, at) + "-" + std::to_string(number) + name.substr(at);
}

}  // namespace detail
}  // namespace cast
