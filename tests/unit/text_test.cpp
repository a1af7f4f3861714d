// nodectl/output/text.hpp: what is safe for a terminal, times.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "base/utf8.hpp"
#include "nodectl/output/text.hpp"

using namespace nodectl;

TEST_CASE("what could drive a terminal is escaped, the rest stays as it is") {
    CHECK(printable("plain ä € 😀\ttab") == "plain ä € 😀\ttab");
    CHECK(printable("\x1b[31mred\a\r\n") == "\\x1b[31mred\\x07\\r\\n");
    CHECK(printable(std::string("\0", 1)) == "\\0");
    CHECK(printable("\xff\xc3") == "\\xff\\xc3");
    CHECK(printable("\u061c\u202e\u200f\u2066\ufeff\u2028") == "\\u061c\\u202e\\u200f\\u2066\\ufeff\\u2028");
    CHECK(printable("\u0085\x7f") == "\\x85\\x7f");
    CHECK(printable("a\nb", true) == "a\nb");
}

TEST_CASE("no bytes whatever bring a control character through") {
    std::mt19937 random(3);
    for (int round = 0; round < 2000; ++round) {
        std::string bytes(random() % 20, ' ');
        for (char& c : bytes) c = static_cast<char>(random());
        const std::string out = printable(bytes);
        CHECK(cast::base::valid_utf8(out));
        for (const char c : out) CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\t'));
    }
}

TEST_CASE("times are told in UTC with microseconds, counts with their noun") {
    std::string out;
    append_time(out, std::chrono::system_clock::time_point(std::chrono::microseconds(1700000000123456)));
    CHECK(out == "2023-11-14T22:13:20.123456Z");
    out.clear();
    append_time(out, std::chrono::system_clock::time_point());
    CHECK(out == "1970-01-01T00:00:00.000000Z");
    CHECK(counted(1, "message") == "1 message");
    CHECK(counted(0, "message") == "0 messages");
    CHECK(counted(2, "message") == "2 messages");
}

TEST_CASE("an id is a number") {
    CHECK(id_trouble("17", "it").empty());
    CHECK(id_trouble("9223372036854775807", "it").empty());
    for (const char* wrong : {"", "-1", "+1", "1x", " 1", "1.0", "92233720368547758070"})
        CHECK(id_trouble(wrong, "it") == std::string("'") + wrong + "' is no id: 'it' shows them");
}
