// base/utf8.hpp: what is UTF-8, and which characters drive a terminal.
#include "base/utf8.hpp"

#include <doctest/doctest.h>

#include <string_view>

using cast::base::drives_terminal;
using cast::base::first_character;
using cast::base::valid_utf8;

TEST_CASE("UTF-8 is told from bytes that are none: overlong forms, surrogates, cut characters") {
    for (const char* good : {"", "plain", "ä", "€", "😀", "\xF4\x8F\xBF\xBF", "a€😀z"}) CHECK(valid_utf8(good));
    for (const char* bad :
         {"\x80", "\xC0\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
          "\xF4\x90\x80\x80", "\xF5", "\xFF", "a\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC3z", "€\xff"}) {
        CAPTURE(bad);
        CHECK_FALSE(valid_utf8(bad));
    }
}

TEST_CASE("the first character has a number and a size; what is none has no size") {
    CHECK(first_character("az").point == U'a');
    CHECK(first_character("ä€").point == U'ä');
    CHECK(first_character("ä€").size == 2);
    CHECK(first_character("€").point == U'€');
    CHECK(first_character("😀😀").size == 4);
    CHECK(first_character("😀").point == U'😀');
    CHECK(first_character(std::string_view("\0", 1)).size == 1);
    CHECK(first_character("\xE2\x82").size == 0);
}

TEST_CASE("control characters, separators and marks of direction drive a terminal; letters do not") {
    for (const char32_t point : {U'\0', U'\n', U'\x1b', U'\x7f', U'\x9b', U'\x61c', U'\x200e', U'\x200f', U'\x2028',
                                 U'\x202e', U'\x2066', U'\x2069', U'\xfeff'})
        CHECK(drives_terminal(point));
    for (const char32_t point : {U' ', U'a', U'~', U'\xa0', U'ä', U'\x61b', U'\x200d', U'\x202f', U'\x2065', U'😀'})
        CHECK_FALSE(drives_terminal(point));
}
