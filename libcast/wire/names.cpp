// Names of nodes and groups. Pure; any thread.
#include "wire/names.hpp"

#include "wire/limits.hpp"

namespace cast::wire {
namespace {

bool name_byte(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

bool valid_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > kMaxName || name[0] == '.' || name[0] == '-') return false;
    for (char c : name)
        if (!name_byte(c)) return false;
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
