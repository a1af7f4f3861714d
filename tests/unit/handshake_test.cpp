// wire/handshake.hpp and wire/fields.hpp: what version 2 adds to the frames that begin and end a connection.
#include "wire/handshake.hpp"

#include <doctest/doctest.h>

#include "support/hex.hpp"
#include "support/wire_check.hpp"
#include "wire/messages.hpp"

using namespace cast::wire;
using namespace cast::test;
using cast::ErrorCode;

namespace {

constexpr const char* kSixteen = "0123456789abcdef";

/// A HELLO of version 2 with these fields behind it, given as hex digits.
bool read(const std::string& fields, Hello& m) {
    static std::string kept;
    const Hello bare{7, 1, 0, "demo"};
    kept = encode(bare).substr(kFrameHeader) + unhex(fields);
    m = {};
    return decode(kept, m, kNewestVersion);
}

template <class M>
M again(const std::string& frame_bytes) {
    Frame frame;
    REQUIRE(read_frame(frame_bytes, frame) == ErrorCode::ok);
    CHECK(frame.version == kNewestVersion);
    M m;
    REQUIRE(decode(frame.body, m, frame.version));
    return m;
}

}  // namespace

TEST_CASE("a frame says version 2 exactly if it has fields") {
    CHECK(encode(Hello{7, 1, 0, "demo"})[1] == kVersion);
    CHECK(encode(Hello{7, 1, 0, "demo", 0})[1] == kNewestVersion);
    CHECK(encode(Welcome{})[1] == kVersion);
    CHECK(encode(ErrorReply{ErrorCode::forbidden, 1, "no"})[1] == kVersion);
    CHECK(encode(ErrorReply{ErrorCode::not_leader, 1, "no", "tcp://b:1"})[1] == kNewestVersion);
}

TEST_CASE("the fields of HELLO, WELCOME and ERROR come back as they went") {
    const std::string hello = encode(Hello{7, 1, 0, "demo", 9, kSixteen, "host", "eve"});
    const auto m = again<Hello>(hello);
    CHECK(m.capabilities == 9);
    CHECK(m.secret == kSixteen);
    CHECK(m.host == "host");
    CHECK(m.behalf == "eve");
    CHECK(m.unknown == Unknown{});
    Welcome welcome;
    welcome.capabilities = 5;
    const std::string said = encode(welcome);
    CHECK(again<Welcome>(said).capabilities == 5);
    const std::string error = encode(ErrorReply{ErrorCode::not_leader, 1, "no", "tcp://b:1"});
    CHECK(again<ErrorReply>(error).leader == "tcp://b:1");
}

TEST_CASE("in version 1 there are no fields") {
    const std::string hello = encode(Hello{7, 1, 0, "demo", 9});
    Hello m;
    CHECK_FALSE(decode(std::string_view(hello).substr(kFrameHeader), m, kVersion));
}

TEST_CASE("an unknown field is skipped; a critical one is told") {
    Hello m;
    REQUIRE(read("55 02 00 61 62", m));
    CHECK(m.unknown.skipped);
    CHECK(m.unknown.critical == 0);
    REQUIRE(read("03 01 00 78 d5 02 00 61 62", m));
    CHECK(m.host == "x");
    CHECK(m.unknown.critical == 0xD5);
    for (const std::string& body : {encode(Attach{}), encode(Attached{}), encode(Ack{})}) {
        const std::string bytes = body.substr(kFrameHeader) + unhex("81 00 00");
        Attach attach;
        Attached attached;
        Ack ack;
        if (body[2] == static_cast<char>(Verb::ack)) {
            REQUIRE(decode(bytes, ack, kNewestVersion));
            CHECK(ack.unknown.critical == 0x81);
        } else {
            REQUIRE(decode(bytes, attach, kNewestVersion));
            CHECK(attach.unknown.critical == 0x81);
            REQUIRE(decode(bytes, attached, kNewestVersion));
            CHECK(attached.unknown.critical == 0x81);
        }
    }
}

TEST_CASE("fields that are cut, out of order, twice, or of a wrong size are malformed") {
    Hello m;
    REQUIRE(read("02 10 00 " + hex(kSixteen) + " 03 01 00 78", m));
    CHECK_FALSE(read("03 01 00 78 02 10 00 " + hex(kSixteen), m));  // out of order
    CHECK_FALSE(read("03 01 00 78 03 01 00 79", m));                // twice
    CHECK_FALSE(read("03 01 00 78 83 01 00 79", m));                // the same tag, once critical
    CHECK_FALSE(read("01 04 00 00 00 00 00", m));                   // a number of 4 bytes
    CHECK_FALSE(read("02 0f 00 " + hex(kSixteen).substr(0, 44), m));
    CHECK_FALSE(read("03 00 00", m));  // an empty name
    CHECK_FALSE(read("84 00 00", m));
    CHECK_FALSE(read("03", m));
    CHECK_FALSE(read("03 02 00 78", m));
}

TEST_CASE("a prefix decodes where a field ends, and nowhere else") {
    const std::string whole = encode(Hello{7, 1, 0, "demo", 9, kSixteen, "host", "eve"});
    int good = 0;
    for_each_prefix(whole, [&](std::string_view prefix) {
        Frame frame;
        Hello m;
        if (read_frame(prefix, frame) == ErrorCode::ok && decode(frame.body, m, frame.version)) ++good;
    });
    CHECK(good == 4);  // without any field, and with one, two and three of the four
}
