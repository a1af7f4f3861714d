// base/json_text.hpp: JSON from outside within limits, and JSON that is written.
#include "base/json_text.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

using namespace cast::base;

namespace {

std::string nested(int levels) {
    return std::string(static_cast<std::size_t>(levels), '[') + std::string(static_cast<std::size_t>(levels), ']');
}

}  // namespace

TEST_CASE("JSON is read, and what is none is discarded") {
    CHECK(parse_json(R"({"a":[1,2]})")["a"][1] == 2);
    for (const char* bad : {"", "hello", "{", "[1,]", "{} {}", "\"\xff\""}) CHECK(parse_json(bad).is_discarded());
}

TEST_CASE("what nests too deeply is no JSON, however deep") {
    CHECK(parse_json(nested(kDeepest)).is_array());
    CHECK(parse_json(nested(kDeepest + 1)).is_discarded());
    CHECK(parse_json(nested(1'000'000)).is_discarded());
    std::string objects;
    for (int i = 0; i <= kDeepest; ++i) objects += "{\"a\":";
    CHECK(parse_json(objects + "1" + std::string(kDeepest + 1, '}')).is_discarded());
}

TEST_CASE("what has more values than the reader wants is no JSON; names of members count") {
    CHECK(parse_json("[1,2,3]", 4).is_array());
    CHECK(parse_json("[1,2,3,4]", 4).is_discarded());
    CHECK(parse_json(R"({"a":1})", 3).is_object());
    CHECK(parse_json(R"({"a":1})", 2).is_discarded());
}

TEST_CASE("what is written is valid, whatever bytes it has") {
    CHECK(dump_json(nlohmann::json{{"a", "\xff"}}) == "{\"a\":\"\xef\xbf\xbd\"}");
    CHECK(dump_json(nlohmann::ordered_json{{"b", 1}, {"a", "\xff"}}) == "{\"b\":1,\"a\":\"\xef\xbf\xbd\"}");
}

TEST_CASE("JSON strings are read back by a JSON parser as what they were") {
    for (const std::string& text :
         {std::string(), std::string("a\"b\\c/d\b\f\n\r\t"), std::string("\0\1\x1f\x7f", 4), std::string("ä€😀")}) {
        std::string out;
        append_json_string(out, text);
        CHECK(nlohmann::json::parse(out).get<std::string>() == text);
    }
    std::string broken;
    append_json_string(broken,
                       "a\xff"
                       "b");
    CHECK(nlohmann::json::parse(broken).get<std::string>() ==
          "a\xef\xbf\xbd"
          "b");
}

TEST_CASE("a JSON string cannot drive the terminal that it is shown on") {
    std::string out;
    append_json_string(out, "\x1b[31m\u202e\u061c\x7f ä");
    CHECK(out == R"("\u001b[31m\u202e\u061c\u007f ä")");
}
