// wire/batch.hpp: a batch's header, its limits, and the stamp of the broker.
#include <doctest/doctest.h>

#include <limits>

#include "support/hex.hpp"
#include "support/wire_check.hpp"
#include "support/wire_examples.hpp"
#include "wire/batch.hpp"
#include "wire/record.hpp"

using namespace cast::wire;
using namespace cast::test;

namespace {

/// A batch of `count` records "x" with this header.
std::string batch(const BatchHeader& header, std::uint32_t count = 1) {
    std::string out;
    begin_batch(out, header);
    for (std::uint32_t i = 0; i < count; ++i) append_record(out, "text", {}, "x");
    seal_batch(out, 0, header.number, count, header.flags);
    return out;
}

BatchHeader from_alice_to(std::string_view target) {
    BatchHeader header;
    header.session = 5;
    header.number = 1;
    header.target = target;
    header.sender = "alice";
    return header;
}

bool reads(std::string_view bytes) {
    const Exact exact(bytes);
    const auto view = read_batch(exact.view());
    if (!view) return false;
    REQUIRE(inside(view->bytes, exact.view()));
    REQUIRE(inside(view->records, view->bytes));
    REQUIRE(inside(view->header.target, view->bytes));
    REQUIRE(inside(view->header.sender, view->bytes));
    return true;
}

/// The example batch with one byte set to `value`.
std::string with_byte(std::size_t at, int value) {
    std::string bytes = wire_example("batch");
    bytes.at(at) = static_cast<char>(value);
    return bytes;
}

template <class T>
std::string with_field(std::size_t at, T value) {
    std::string bytes = wire_example("batch");
    store(bytes.data() + at, value);
    return bytes;
}

}  // namespace

TEST_CASE("a batch's header comes back as it went in") {
    BatchHeader header;
    header.cast = Cast::multicast;
    header.session = 0xFFEEDDCCBBAA9988;
    header.number = 77;
    header.stream = 9;
    header.sequence = 1000;
    header.arrival_us = 1'700'000'000'000'000;
    header.ttl_ms = 30'000;
    header.priority = 9;
    header.flags = kEcho | kAskReceipt;
    header.target = "team";
    header.sender = "alice";
    const Exact exact(batch(header, 3));
    const auto view = read_batch(exact.view());
    REQUIRE(view);
    const BatchHeader& got = view->header;
    CHECK(got.cast == header.cast);
    CHECK(got.session == header.session);
    CHECK(got.number == header.number);
    CHECK(got.stream == header.stream);
    CHECK(got.sequence == header.sequence);
    CHECK(got.arrival_us == header.arrival_us);
    CHECK(got.count == 3);
    CHECK(got.ttl_ms == header.ttl_ms);
    CHECK(got.priority == header.priority);
    CHECK(got.flags == header.flags);
    CHECK(got.target == "team");
    CHECK(got.sender == "alice");
    CHECK(view->bytes == exact.view());
    CHECK(view->last_sequence() == 1002);
    CHECK(hex(view->records) == "02 00 78 02 00 78 02 00 78");
}

TEST_CASE("a batch is its header, the names and the records") {
    CHECK(hex(batch(from_alice_to("bob"))) ==
          "4b 00 00 00 48 00 01 01 05 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
          "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 04 00 03 05 00 00 00 00 "
          "62 6f 62 61 6c 69 63 65 02 00 78");
}

TEST_CASE("a batch is sealed where it begins, behind other bytes") {
    std::string out = "before";
    begin_batch(out, from_alice_to("bob"));
    append_record(out, "text", {}, "hi");
    seal_batch(out, 6, 12, 1, kResume);
    const auto view = read_batch(std::string_view(out).substr(6));
    REQUIRE(view);
    CHECK(view->header.number == 12);
    CHECK(view->header.flags == kResume);
    CHECK(view->bytes.size() == out.size() - 6);
}

TEST_CASE("the stamp changes stream, sequence and arrival, and nothing else") {
    const std::string before = wire_example("batch");
    std::string after = before;
    stamp_batch(after.data(), 1, 2, 3);
    CHECK(after.substr(0, 24) == before.substr(0, 24));
    CHECK(hex(after.substr(24, 24)) == "01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00");
    CHECK(after.substr(48) == before.substr(48));
    CHECK(reads(after));
}

TEST_CASE("a batch whose time has come loses the flag that it waits, and nothing else") {
    const std::string before = wire_example("batch-later");
    std::string after = before;
    clear_scheduled(after.data());
    REQUIRE(reads(after));
    CHECK(read_batch(after)->header.flags == kWantsDelivered);
    after[57] = before[57];
    CHECK(after == before);
}

TEST_CASE("no prefix of a batch is a batch") {
    for (const char* name : {"batch", "batch-later", "batch-stamped"})
        for_each_prefix(wire_example(name), [](std::string_view prefix) { REQUIRE_FALSE(reads(prefix)); });
}

TEST_CASE("a changed byte makes another batch or none, and nothing is read beyond the end") {
    for (const char* name : {"batch", "batch-later", "batch-stamped"})
        for_each_corruption(wire_example(name), [](std::string_view bytes) {
            if (!reads(bytes)) return;
            const auto view = read_batch(bytes);
            const auto again = batches_again(view->bytes);
            REQUIRE(again == std::string(view->bytes));
            Reader records(view->records);
            for (std::uint32_t i = 0; i < view->header.count && read_record(records); ++i) {
            }
        });
}

TEST_CASE("lengths that do not fit are refused") {
    for (std::uint32_t length : {0u, 1u, 63u, 64u, 71u, 77u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
        CAPTURE(length);
        CHECK_FALSE(reads(with_field<std::uint32_t>(0, length)));
    }
    for (int header : {0, 1, 63, 64, 71, 73, 0xFFFF}) {
        CAPTURE(header);
        CHECK_FALSE(reads(with_field<std::uint16_t>(4, static_cast<std::uint16_t>(header))));
    }
    for (int size : {0, 2, 4, 127, 128, 255}) {
        CAPTURE(size);
        CHECK_FALSE(reads(with_byte(58, size)));
        CHECK_FALSE(reads(with_byte(59, size == 4 ? 6 : size)));
    }
    CHECK(reads(with_field<std::uint32_t>(0, 74)));  // a header and one shorter record
}

TEST_CASE("a count is not 0 and not more than the records' bytes can hold") {
    CHECK(reads(with_field<std::uint32_t>(48, 1)));
    CHECK(reads(with_field<std::uint32_t>(48, 2)));  // four bytes may be two records; who reads them finds out
    for (std::uint32_t count : {0u, 3u, 0x80000000u, 0xFFFFFFFFu}) {
        CAPTURE(count);
        CHECK_FALSE(reads(with_field<std::uint32_t>(48, count)));
    }
}

TEST_CASE("versions, casts, flags and priorities that are not known are refused") {
    for (int value = 0; value < 256; ++value) {
        CAPTURE(value);
        CHECK(reads(with_byte(6, value)) == (value == 1));
        CHECK(reads(with_byte(7, value)) == (value == 1 || value == 2));  // 3, broadcast, has no target
        CHECK(reads(with_byte(56, value)) == (value < 10));
        CHECK(reads(with_byte(57, value)) == (value < 64));
    }
}

TEST_CASE("reserved bytes that are not 0 are refused") {
    for (std::size_t at = 60; at < 64; ++at)
        for (int bit = 0; bit < 8; ++bit) CHECK_FALSE(reads(with_byte(at, 1 << bit)));
}

TEST_CASE("sequences do not wrap") {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    CHECK(reads(with_field<std::uint64_t>(32, kMost - 1)));
    CHECK_FALSE(reads(with_field<std::uint64_t>(32, kMost)));
}

TEST_CASE("sender and target are names; a broadcast has no target") {
    for (const char* name : {"bob", "$reply.0000000000000001", "$events", "a.b-c_d"}) {
        CAPTURE(name);
        CHECK(reads(batch(from_alice_to(name))));
    }
    for (const char* name : {"", "-bob", ".bob", "b b", "$", "$$", "bob\n"}) {
        CAPTURE(name);
        CHECK_FALSE(reads(batch(from_alice_to(name))));
        BatchHeader header = from_alice_to("bob");
        header.sender = name;
        CHECK_FALSE(reads(batch(header)));
    }
    BatchHeader header = from_alice_to("");
    header.cast = Cast::broadcast;
    CHECK(reads(batch(header)));
    header.target = "bob";
    CHECK_FALSE(reads(batch(header)));
}

TEST_CASE("names have at most 128 bytes") {
    const std::string longest(kMaxName, 'x');
    BatchHeader header = from_alice_to(longest);
    header.sender = longest;
    CHECK(reads(batch(header)));
    std::string over = wire_example("batch").substr(0, kBatchHeader) + longest + "x" + "alice" + "\x01\x01";
    store<std::uint32_t>(over.data(), static_cast<std::uint32_t>(over.size()));
    store<std::uint16_t>(over.data() + 4, static_cast<std::uint16_t>(over.size() - 2));
    over[58] = static_cast<char>(kMaxName + 1);
    CHECK_FALSE(reads(over));
}

TEST_CASE("batches stand back to back, and one that is malformed spoils the rest") {
    const std::string one = wire_example("batch"), two = wire_example("batch-stamped");
    const Exact both(one + two + one);
    std::vector<std::size_t> sizes;
    CHECK(for_each_batch(both.view(), [&](const BatchView& view) { sizes.push_back(view.bytes.size()); }));
    CHECK(sizes == std::vector<std::size_t>{one.size(), two.size(), one.size()});
    CHECK(for_each_batch({}, [](const BatchView&) { FAIL("there is none"); }));
    for (const std::string& tail : {std::string("x"), one.substr(0, 75), with_byte(6, 2), std::string(64, '\0')}) {
        int seen = 0;
        const Exact spoiled(one + tail);
        CHECK_FALSE(for_each_batch(spoiled.view(), [&](const BatchView&) { ++seen; }));
        CHECK(seen == 1);
    }
}
