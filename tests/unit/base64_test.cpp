// base/base64.hpp: bytes of any length come back, and what is no base64 is refused.
#include "base/base64.hpp"

#include <doctest/doctest.h>

#include <string>

using cast::base::decode_base64;
using cast::base::encode_base64;

TEST_CASE("base64 of any length comes back") {
    std::string bytes;
    for (int length = 0; length < 300; ++length) {
        const std::string text = encode_base64(bytes);
        CHECK(text.size() == (bytes.size() + 2) / 3 * 4);
        CHECK(decode_base64(text) == bytes);
        bytes += static_cast<char>(length * 7);
    }
}

TEST_CASE("the examples of RFC 4648 are written as there") {
    CHECK(encode_base64("").empty());
    CHECK(encode_base64("f") == "Zg==");
    CHECK(encode_base64("fo") == "Zm8=");
    CHECK(encode_base64("foo") == "Zm9v");
    CHECK(encode_base64("foobar") == "Zm9vYmFy");
    CHECK(encode_base64("\xfb\xff") == "+/8=");
}

TEST_CASE("what is appended stands behind what was there") {
    std::string out = "data:";
    cast::base::append_base64(out, "hello");
    CHECK(out == "data:aGVsbG8=");
}

TEST_CASE("what is no base64 is refused") {
    for (const char* bad : {"a", "ab", "abc", "a===", "====", "aGVsbG8", "aGVsbG8=x", "aGVs bG8=", "aGVs\nbG8=", "=aGV",
                            "aG=V", "aGVsbG8=aGVs", "-_8=", "aGVsbG8\xc3"}) {
        CAPTURE(bad);
        CHECK_FALSE(decode_base64(bad).has_value());
    }
}
