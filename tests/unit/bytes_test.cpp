// wire/bytes.hpp: reading and writing flat bytes, and what a Reader does at its end.
#include <doctest/doctest.h>

#include "support/hex.hpp"
#include "support/wire_check.hpp"
#include "wire/bytes.hpp"

using namespace cast::wire;
using cast::test::Exact;
using cast::test::hex;
using cast::test::unhex;

namespace {

std::string varint(std::uint32_t value) {
    std::string out;
    Writer(out).varint(value);
    return out;
}

std::optional<std::uint32_t> read_varint(const std::string& digits) {
    const Exact bytes(unhex(digits));
    Reader in(bytes.view());
    const std::uint32_t value = in.varint();
    return in.done() ? std::optional(value) : std::nullopt;
}

}  // namespace

TEST_CASE("numbers are written little-endian and read back") {
    std::string out;
    Writer(out).u8(0x01).u16(0x2345).u32(0x6789ABCD).u64(0x1122334455667788);
    CHECK(hex(out) == "01 45 23 cd ab 89 67 88 77 66 55 44 33 22 11");
    Reader in(out);
    CHECK(in.u8() == 0x01);
    CHECK(in.u16() == 0x2345);
    CHECK(in.u32() == 0x6789ABCD);
    CHECK(in.u64() == 0x1122334455667788);
    CHECK(in.done());
}

TEST_CASE("a reader that runs over its end gives zeros from then on") {
    const Exact bytes("\x01\x02\x03");
    Reader in(bytes.view());
    CHECK(in.u16() == 0x0201);
    CHECK(in.u16() == 0);
    CHECK_FALSE(in.ok());
    CHECK_FALSE(in.done());
    CHECK(in.u8() == 0);  // although a byte was left
    CHECK(in.left() == 0);
    CHECK(in.bytes(1).empty());
    CHECK(in.str8().empty());
    CHECK(in.varint() == 0);
    CHECK(in.count(1) == 0);
    CHECK(in.rest().empty());
    CHECK_FALSE(in.ok());
}

TEST_CASE("a reader of nothing is done, and bad after the first byte") {
    Reader in(std::string_view{});
    CHECK(in.done());
    CHECK(in.rest().empty());
    CHECK(in.bytes(0).empty());
    CHECK(in.done());
    CHECK(in.u8() == 0);
    CHECK_FALSE(in.ok());
}

TEST_CASE("a reader with bytes left over is ok but not done") {
    Reader in(std::string_view("\x01\x02", 2));
    CHECK(in.u8() == 1);
    CHECK(in.ok());
    CHECK_FALSE(in.done());
    CHECK(in.left() == 1);
}

TEST_CASE("strings carry their length and are views on the input") {
    std::string out;
    Writer(out).str8("bob").str16("alice").str8("");
    CHECK(hex(out) == "03 62 6f 62 05 00 61 6c 69 63 65 00");
    const Exact bytes(out);
    Reader in(bytes.view());
    const std::string_view bob = in.str8(), alice = in.str16(), empty = in.str8();
    CHECK(bob == "bob");
    CHECK(alice == "alice");
    CHECK(empty.empty());
    CHECK(in.done());
    CHECK(cast::test::inside(bob, bytes.view()));
    CHECK(cast::test::inside(alice, bytes.view()));
}

TEST_CASE("a string whose length lies is bad") {
    for (const char* digits : {"04 62 6f 62", "ff", "01"}) {
        const Exact bytes(unhex(digits));
        Reader in(bytes.view());
        CHECK(in.str8().empty());
        CHECK_FALSE(in.ok());
    }
    const Exact bytes(unhex("ff ff 61"));
    Reader in(bytes.view());
    CHECK(in.str16().empty());
    CHECK_FALSE(in.ok());
}

TEST_CASE("strings that are too long for their length are cut") {
    std::string out;
    Writer(out).str8(std::string(300, 'x'));
    CHECK(out.size() == 1 + 255);
    out.clear();
    Writer(out).str16(std::string(70'000, 'x'));
    CHECK(out.size() == 2 + 65'535);
}

TEST_CASE("varints take the fewest bytes and come back") {
    CHECK(hex(varint(0)) == "00");
    CHECK(hex(varint(127)) == "7f");
    CHECK(hex(varint(128)) == "80 01");
    CHECK(hex(varint(300)) == "ac 02");
    CHECK(hex(varint(16'383)) == "ff 7f");
    CHECK(hex(varint(16'384)) == "80 80 01");
    CHECK(hex(varint(0xFFFFFFFF)) == "ff ff ff ff 0f");
    for (std::uint32_t bit = 0; bit < 32; ++bit)
        for (std::uint32_t value : {1u << bit, (1u << bit) - 1, ~(1u << bit)}) {
            const Exact bytes(varint(value));
            Reader in(bytes.view());
            CHECK(in.varint() == value);
            CHECK(in.done());
        }
}

TEST_CASE("a varint over 32 bits, or without an end, is bad; a longer form is read") {
    CHECK_FALSE(read_varint("ff ff ff ff 10"));
    CHECK_FALSE(read_varint("ff ff ff ff 1f"));
    CHECK_FALSE(read_varint("80 80 80 80 80 00"));
    CHECK_FALSE(read_varint("80"));
    CHECK_FALSE(read_varint("ff ff ff ff"));
    CHECK_FALSE(read_varint(""));
    CHECK(read_varint("80 00") == 0u);
    CHECK(read_varint("81 80 80 80 00") == 1u);
}

TEST_CASE("a count that the bytes left cannot hold is bad") {
    const auto count = [](const std::string& digits, std::size_t least) {
        const Exact bytes(unhex(digits));
        Reader in(bytes.view());
        const std::uint32_t n = in.count(least);
        return in.ok() ? std::optional(n) : std::nullopt;
    };
    CHECK(count("00 00 00 00", 10) == 0u);
    CHECK(count("02 00 00 00 aa aa aa aa", 2) == 2u);
    CHECK_FALSE(count("03 00 00 00 aa aa aa aa", 2));
    CHECK_FALSE(count("02 00 00 00 aa aa aa", 2));
    CHECK_FALSE(count("ff ff ff ff aa aa aa aa", 1));
    CHECK_FALSE(count("ff ff ff ff", 0xFFFFFFFF));
    CHECK_FALSE(count("00 00 00", 1));
}
