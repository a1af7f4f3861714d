// UTF-8: what is, and which characters may not reach a terminal or a log as they are. Pure; any thread.
#pragma once
#include <cstddef>
#include <string_view>

namespace cast::base {

struct Character {
    char32_t point = 0;
    std::size_t size = 0;  ///< bytes; 0: the text does not begin with a character
};

/// The first character of a text that is not empty. Overlong forms, surrogates and what is cut off are none.
Character first_character(std::string_view text) noexcept;

bool valid_utf8(std::string_view text) noexcept;

/// True for control characters, separators of lines and paragraphs, and what changes the direction of writing.
bool drives_terminal(char32_t point) noexcept;

}  // namespace cast::base
