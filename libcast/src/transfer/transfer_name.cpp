// What a sender calls a file becomes a name that is safe in a folder. Pure; any thread.
#include "src/transfer/transfer_name.hpp"

#include <cast/transfer.hpp>

#include <algorithm>

#include "base/utf8.hpp"

namespace cast {
namespace {

constexpr std::size_t kLongest = 200;       // a file system takes 255; a number may follow
constexpr std::size_t kLongestEnding = 16;  // ".tar.gz" and the like

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
        const base::Character character = base::first_character(name);
        if (character.size == 0 || base::drives_terminal(character.point))
            out += '_';
        else
            out += name.substr(0, character.size);
        name.remove_prefix(std::max<std::size_t>(character.size, 1));
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
