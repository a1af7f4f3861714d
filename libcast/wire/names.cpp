// Names of nodes and groups. Pure; any thread.
#include "wire/names.hpp"

#include <array>

#include "wire/limits.hpp"

namespace cast::wire {
namespace {

/// Whether a byte may stand in a name: letters, digits, dot, underscore, hyphen.
constexpr std::array<bool, 256> kNameBytes = [] {
    std::array<bool, 256> may{};
    for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"))
        may[static_cast<unsigned char>(c)] = true;
    return may;
}();

}  // namespace

bool valid_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > kMaxName || name[0] == '.' || name[0] == '-') return false;
    for (char c : name)
        if (!kNameBytes[static_cast<unsigned char>(c)]) return false;
    return true;
}

bool reserved_name(std::string_view name) noexcept {
    return name.size() > 1 && name.size() <= kMaxName && name[0] == '$' && valid_name(name.substr(1));
}

std::string reply_name(std::uint64_t session) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string name = "$reply.0000000000000000";
    for (std::size_t i = name.size(); session != 0; session >>= 4) name[--i] = kHex[session & 15];
    return name;
}

bool is_reply_name(std::string_view name, std::uint64_t session) { return name == reply_name(session); }

}  // namespace cast::wire
