// wire/record.hpp: one message's bytes, and header maps.
#include <doctest/doctest.h>

#include "support/hex.hpp"
#include "support/wire_check.hpp"
#include "support/wire_examples.hpp"
#include "wire/limits.hpp"
#include "wire/record.hpp"

using namespace cast::wire;
using namespace cast::test;

namespace {

std::string record(std::string_view type, std::string_view headers, std::string_view payload) {
    std::string out;
    append_record(out, type, headers, payload);
    return out;
}

bool reads_record(std::string_view bytes) {
    const Exact exact(bytes);
    return record_again(exact.view()).has_value();
}

bool reads_hex(const char* digits) { return reads_record(unhex(digits)); }

bool headers_read(std::string_view encoded) {
    const Exact exact(encoded);
    return headers_again(exact.view()).has_value();
}

/// Reads one record and checks that it takes all bytes, that its views lie inside, and its parts.
void check_record(const std::string& bytes, std::string_view type, std::string_view headers, std::string_view payload) {
    const Exact exact(bytes);
    Reader in(exact.view());
    const auto got = read_record(in);
    REQUIRE(got);
    CHECK(in.done());
    CHECK(got->type == type);
    CHECK(got->headers == headers);
    CHECK(got->payload == payload);
    CHECK(inside(got->headers, exact.view()));
    CHECK(inside(got->payload, exact.view()));
    CHECK(bytes.size() <= record_bound(type, headers, payload));
}

}  // namespace

TEST_CASE("known types take no bytes, others are named") {
    CHECK(hex(record("text", {}, "hi")) == "03 00 68 69");
    CHECK(hex(record("", {}, "hi")) == "03 00 68 69");
    CHECK(hex(record("json", {}, "{}")) == "03 01 7b 7d");
    CHECK(hex(record("binary", {}, "")) == "01 02");
    CHECK(hex(record("file", {}, "x")) == "02 03 78");
    CHECK(hex(record("a/b", {}, "x")) == "06 0f 03 61 2f 62 78");
    CHECK(hex(record("text", "\x01k\x01v", "x")) == "07 10 04 01 6b 01 76 78");
}

TEST_CASE("a record comes back as it went in, whatever its type, headers and size") {
    const std::string map = encode_headers({{"id", "42"}, {"k", ""}});
    for (const char* type : {"text", "json", "binary", "file", "image/png", "Text", "x"})
        for (std::size_t size : {0u, 1u, 125u, 126u, 127u, 128u, 16'382u, 16'383u, 70'000u})
            for (std::string_view headers : {std::string_view(), std::string_view(map)}) {
                const std::string payload(size, '\xEE');
                check_record(record(type, headers, payload), type, headers, payload);
            }
}

TEST_CASE("records stand back to back and are read in order") {
    std::string bytes;
    for (int i = 0; i < 300; ++i) append_record(bytes, "text", {}, std::string(static_cast<std::size_t>(i), 'x'));
    const Exact exact(bytes);
    Reader in(exact.view());
    std::size_t count = 0;
    while (in.left() > 0) {
        const auto got = read_record(in);
        REQUIRE(got);
        CHECK(got->payload.size() == count++);
    }
    CHECK(in.ok());
    CHECK(count == 300);
}

TEST_CASE("no prefix of a record is a record") {
    for (const char* name : {"record", "record-named"})
        for_each_prefix(wire_example(name), [&](std::string_view prefix) {
            CAPTURE(hex(prefix));
            CHECK_FALSE(reads_record(prefix));
        });
}

TEST_CASE("a changed byte makes another record or none, and nothing is read beyond the end") {
    for (const char* name : {"record", "record-named"})
        for_each_corruption(wire_example(name), [&](std::string_view bytes) {
            Reader in(bytes);
            const auto got = read_record(in);
            if (!got) return;
            REQUIRE(inside(got->headers, bytes));
            REQUIRE(inside(got->payload, bytes));
            REQUIRE((got->type == "text" || got->type == "json" || got->type == "binary" || got->type == "file" ||
                     inside(got->type, bytes)));
            headers_again(got->headers);
            const auto once = record_again(bytes);
            REQUIRE(once);
            REQUIRE(record_again(*once) == once);
        });
}

TEST_CASE("lengths that lie are refused") {
    CHECK_FALSE(reads_hex(""));
    CHECK_FALSE(reads_hex("00"));
    CHECK_FALSE(reads_hex("00 00"));
    CHECK_FALSE(reads_hex("04 00 68 69"));
    CHECK_FALSE(reads_hex("ff ff ff ff 0f 00 68 69"));
    CHECK_FALSE(reads_hex("03 0f 02 61"));           // the type's length is over the record's
    CHECK_FALSE(reads_hex("04 10 04 01 6b"));        // the header map's length is over the record's
    CHECK_FALSE(reads_hex("03 0f 05 61 62 63 64"));  // ...even though bytes follow the record
    CHECK_FALSE(reads_hex("03 10 05 61 62 63 64"));
    CHECK_FALSE(reads_hex("01 0f"));
    CHECK_FALSE(reads_hex("01 10"));
}

TEST_CASE("a longer form of a length is read") {
    CHECK(record_again(unhex("83 00 00 68 69")) == unhex("03 00 68 69"));
    CHECK(record_again(unhex("07 0f 04 74 65 78 74 78")) == unhex("02 00 78"));  // "text" as a named type
}

TEST_CASE("unknown types and reserved bits are refused") {
    for (int descriptor = 0; descriptor < 256; ++descriptor) {
        std::string bytes = unhex("06 00 03 61 62 63 78");  // as named: type "abc", payload "x"
        bytes[1] = static_cast<char>(descriptor);
        CAPTURE(descriptor);
        const int type = descriptor & 15;
        const bool headers = (descriptor & 16) != 0;
        const bool good = (descriptor & 0xE0) == 0 && (type < 4 || (type == 15 && !headers));
        CHECK(reads_record(bytes) == good);  // 0x1f: the map would begin at "x" and reach too far
    }
}

TEST_CASE("a type has 1 to 128 bytes, a header map up to 8 KiB") {
    CHECK_FALSE(reads_hex("03 0f 00 78"));
    CHECK(reads_record(record(std::string(kMaxType, 't'), {}, "x")));
    CHECK_FALSE(reads_hex("03 10 00 78"));
    CHECK(reads_record(record("text", std::string(kMaxHeaders, 'h'), "x")));
    std::string over = "\x0F\x81" + std::string(kMaxType + 1, 't');
    CHECK_FALSE(reads_record(unhex("83 01") + over));
    Writer(over.assign(1, '\x10')).varint(kMaxHeaders + 1).bytes(std::string(kMaxHeaders + 1, 'h'));
    std::string framed;
    Writer(framed).varint(static_cast<std::uint32_t>(over.size())).bytes(over);
    CHECK_FALSE(reads_record(framed));
}

TEST_CASE("header maps keep order, empty values and repeated keys") {
    const HeaderList list = {{"id", "42"}, {"note", ""}, {"id", std::string(300, 'v')}, {std::string(255, 'k'), "\0"}};
    const std::string encoded = encode_headers(list);
    const Exact exact(encoded);
    HeaderList got;
    CHECK(for_each_header(exact.view(), [&](std::string_view key, std::string_view value) {
        CHECK(inside(key, exact.view()));
        CHECK(inside(value, exact.view()));
        got.emplace_back(key, value);
    }));
    CHECK(got == list);
    CHECK(hex(encode_headers({{"k", "v"}})) == "01 6b 01 76");
    CHECK(headers_read(""));
}

TEST_CASE("header maps that are cut, empty of keys or lie are refused") {
    const std::string encoded = encode_headers({{"id", "42"}});
    for_each_prefix(encoded, [](std::string_view prefix) { CHECK(headers_read(prefix) == prefix.empty()); });
    for_each_corruption(encode_headers({{"id", "42"}, {"key", "value"}}), [](std::string_view bytes) {
        const auto once = headers_again(bytes);
        if (once) REQUIRE(headers_again(*once) == once);
    });
    CHECK_FALSE(headers_read(unhex("00 01 76")));
    CHECK_FALSE(headers_read(unhex("01 6b 02 76")));
    CHECK_FALSE(headers_read(unhex("01 6b ff ff ff ff 0f 76")));
}

TEST_CASE("a header map has at most 64 headers") {
    HeaderList list(kMaxHeaderCount, {"k", "v"});
    CHECK(headers_read(encode_headers(list)));
    list.emplace_back("k", "v");
    CHECK_FALSE(headers_read(encode_headers(list)));
}

TEST_CASE("the short ways of a plain record write and read the same bytes as the long ones") {
    for (const std::size_t size :
         {0u, 1u, 7u, 8u, 15u, 16u, 31u, 32u, 33u, 125u, 126u, 127u, 128u, 1000u, 16381u, 16382u, 16383u, 40000u}) {
        CAPTURE(size);
        std::string payload;
        for (std::size_t i = 0; i < size; ++i) payload.push_back(static_cast<char>(i * 7));
        std::string bytes;
        append_record(bytes, "text", {}, payload);
        std::string plain(payload.size() + kPlainOverhead, '!');
        plain.resize(static_cast<std::size_t>(write_plain_record(plain.data(), payload) - plain.data()));
        CHECK(plain == bytes);
        const std::string two = bytes + "rest";
        std::string_view left = two;
        RecordView record;
        const bool taken = read_plain_record(left, record);
        CHECK(taken == (size < 16383));
        if (!taken) continue;
        CHECK(left == "rest");
        CHECK(record.payload == payload);
        CHECK(record.type == "text");
        CHECK(record.headers.empty());
    }
}

TEST_CASE("the short way leaves to the long one what is not plain, cut off or malformed") {
    std::string named, with_headers, json, cut;
    append_record(named, "image/png", {}, "x");
    append_record(with_headers, "text", encode_headers({{"k", "v"}}), "x");
    append_record(json, "json", {}, "{}");
    append_record(cut, "text", {}, "0123456789");
    cut.resize(6);
    RecordView record;
    for (const std::string& bytes : {named, with_headers, cut, std::string("\0\0\0", 3), std::string("\x80\0\0", 3),
                                     std::string("\xff\xff\x03\0", 4)}) {
        std::string_view left = bytes;
        CHECK_FALSE(read_plain_record(left, record));
        CHECK(left.size() == bytes.size());
    }
    std::string_view left = json;
    CHECK(read_plain_record(left, record));
    CHECK(record.type == "json");
}
