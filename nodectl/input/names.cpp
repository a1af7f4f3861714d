// See names.hpp.
#include "nodectl/input/names.hpp"

#include <fmt/format.h>

#include <cast/error.hpp>
#include <cast/message.hpp>

#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {

std::string name_trouble(const std::string& text) {
    const std::string_view name = text;
    if (cast::valid_name(name.substr(name.substr(0, 1) == "$" ? 1 : 0))) return "";
    return fmt::format("invalid_name: '{}': {}", printable(text), cast::error_hint(cast::ErrorCode::invalid_name));
}

std::string trimmed_name(const std::string& text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

void tell_partly(std::string_view done, std::size_t count, std::size_t all, std::string_view noun) {
    if (all > 1 && count < all) warn(fmt::format("{} {} of {}", done, count, counted(all, noun)));
}

}  // namespace nodectl
