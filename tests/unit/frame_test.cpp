// wire/frame.hpp: a frame's header.
#include <doctest/doctest.h>

#include "support/hex.hpp"
#include "support/wire_check.hpp"
#include "wire/frame.hpp"

using namespace cast::wire;
using namespace cast::test;
using cast::ErrorCode;

namespace {

ErrorCode read(std::string_view bytes) {
    const Exact exact(bytes);
    Frame frame;
    return read_frame(exact.view(), frame);
}

}  // namespace

TEST_CASE("a frame's header is eight bytes before its body") {
    std::string out = "before";
    begin_frame(out, Verb::deliver, kHasAux, 0x01020304);
    CHECK(hex(out.substr(6)) == "ca 01 24 01 04 03 02 01");
    out += "body";
    const Exact exact(out.substr(6));
    Frame frame;
    REQUIRE(read_frame(exact.view(), frame) == ErrorCode::ok);
    CHECK(frame.verb == Verb::deliver);
    CHECK(frame.flags == kHasAux);
    CHECK(frame.aux == 0x01020304);
    CHECK(frame.body == "body");
    CHECK(inside(frame.body, exact.view()));
}

TEST_CASE("a header can be written over another one") {
    std::string out;
    begin_frame(out, Verb::cast);
    out += "body";
    write_frame_header(out.data(), Verb::ping, kHasAux, 7);
    CHECK(hex(out) == "ca 01 09 01 07 00 00 00 62 6f 64 79");
}

TEST_CASE("a frame may have no body") {
    std::string out;
    begin_frame(out, Verb::bye);
    Frame frame;
    REQUIRE(read_frame(out, frame) == ErrorCode::ok);
    CHECK(frame.body.empty());
}

TEST_CASE("a frame that is too short or has the wrong magic is malformed") {
    std::string out;
    begin_frame(out, Verb::bye);
    for_each_prefix(out, [](std::string_view prefix) { CHECK(read(prefix) == ErrorCode::malformed); });
    for (int magic = 0; magic < 256; ++magic) {
        out[0] = static_cast<char>(magic);
        CHECK((read(out) == ErrorCode::ok) == (magic == kMagic));
    }
    CHECK(read("GET / HTTP/1.1\r\n") == ErrorCode::malformed);
}

TEST_CASE("another version is named as the reason") {
    std::string out;
    begin_frame(out, Verb::hello);
    for (int version = 0; version < 256; ++version) {
        out[1] = static_cast<char>(version);
        const bool spoken = version == kVersion || version == kNewestVersion;
        CHECK(read(out) == (spoken ? ErrorCode::ok : ErrorCode::unsupported_version));
    }
}

TEST_CASE("unknown verbs and flags decode, for the reader to judge") {
    for (int value = 0; value < 256; ++value) {
        std::string out;
        begin_frame(out, static_cast<Verb>(value), static_cast<std::uint8_t>(value));
        Frame frame;
        REQUIRE(read_frame(out, frame) == ErrorCode::ok);
        CHECK(static_cast<int>(frame.verb) == value);
        CHECK(frame.flags == value);
    }
}
