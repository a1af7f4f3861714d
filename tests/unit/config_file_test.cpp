// The configuration file's grammar: what it takes, with which lines, and what it says about mistakes.
// Tests of broker/config_file on text at hand; files on disk are opened in options_test.cpp.
#include "config/config_file.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using broker::parse_config;
using Values = std::vector<std::string>;

namespace {

Values values_of(std::string_view value) {
    const auto file = parse_config("x = " + std::string(value), "f");
    CHECK_MESSAGE(file.error.empty(), file.error);
    REQUIRE(file.entries.size() == 1);
    return file.entries[0].values;
}

std::string error_of(std::string_view text) { return parse_config(text, "f").error; }

}  // namespace

TEST_CASE("an empty file, comments and blank lines say nothing") {
    for (const char* text : {"", "\n\n", "# a comment", " \t # another\n\r\n"}) {
        CHECK(parse_config(text, "f").entries.empty());
        CHECK(error_of(text).empty());
    }
}

TEST_CASE("values come as text") {
    CHECK(values_of("\"1MiB\"") == Values{"1MiB"});
    CHECK(values_of("'C:\\raw' # why") == Values{"C:\\raw"});
    CHECK(values_of("10_000") == Values{"10_000"});
    CHECK(values_of("-5") == Values{"-5"});
    CHECK(values_of("true") == Values{"true"});
    CHECK(values_of("\"\"") == Values{""});
    CHECK(values_of("\"a # b\"") == Values{"a # b"});
    CHECK(values_of(R"("tab\t \"quoted\" back\\slash")") == Values{"tab\t \"quoted\" back\\slash"});
}

TEST_CASE("lists may span lines, hold comments and end with a comma") {
    CHECK(values_of("[]").empty());
    CHECK(values_of("['a',\"b\" , 3]") == Values{"a", "b", "3"});
    CHECK(values_of("[ # ends\n  'a', # first\n\n  'b',\n]\n") == Values{"a", "b"});
}

TEST_CASE("entries keep their order and the lines on which they begin") {
    const auto file = parse_config("# top\nb = 1\n\na = [\n 'x'\n]\r\n\"c\" = 'y'", "f");
    REQUIRE(file.entries.size() == 3);
    CHECK(file.entries[0].key == "b");
    CHECK(file.entries[0].line == 2);
    CHECK(file.entries[1].line == 4);
    CHECK(file.entries[2].key == "c");
    CHECK(file.entries[2].line == 7);
}

TEST_CASE("the first mistake is told with its line, and what came before it is kept") {
    const auto file = parse_config("a = 1\nb 2\nc = 3\n", "dir/f");
    CHECK(file.error == "dir/f:2: expected \"=\" after \"b\"");
    CHECK(file.entries.size() == 1);
    CHECK(error_of("a = 1\n\na = 2") == "f:3: a: given before, in line 1");
    CHECK(error_of("[section]") == "f:1: sections are not used here: the keys stand alone");
    CHECK(error_of("= 1") == "f:1: expected a key");
    CHECK(error_of("a = 'open") == "f:1: a string without its closing quote");
    CHECK(error_of("a = \"open\nb = 1\"") == "f:1: a string without its closing quote");
    CHECK(error_of("a = \"\\x\"").starts_with("f:1: only \\\" \\\\"));
    CHECK(error_of("a = 'x' y") == "f:1: expected the end of the line after the value");
    CHECK(error_of("a = ['x'\n\n 'y']") == "f:3: expected \",\" or \"]\" in the list");
    CHECK(error_of("a = ['x',") == "f:1: expected a value: a string in quotes, a whole number, true or false");
    for (const char* value :
         {"", "yes", "1.5", "1e3", "0x10", "2026-01-01", "[[1]]", "{a = 1}", "-", "\"\"\"x\"\"\""}) {
        CAPTURE(value);
        CHECK(error_of("a = " + std::string(value)).starts_with("f:1: expected "));
    }
}
