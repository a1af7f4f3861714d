// wire/messages.hpp: the frames' bodies: fields there and back, truncated, corrupted, with counts that lie.
#include <doctest/doctest.h>

#include "support/hex.hpp"
#include "support/wire_check.hpp"
#include "support/wire_examples.hpp"
#include "wire/messages.hpp"

using namespace cast::wire;
using namespace cast::test;
using cast::ErrorCode;

namespace {

/// The body of an example; `keep` holds its bytes.
template <class M>
M example(const char* name, std::string& keep) {
    keep = wire_example(name);
    M message;
    REQUIRE(decode(std::string_view(keep).substr(kFrameHeader), message));
    return message;
}

template <class M>
bool decodes(const std::string& digits) {
    const Exact exact(unhex(digits));
    M message;
    return decode(exact.view(), message);
}

/// True when a message survives encoding and decoding.
template <class M>
bool survives(const M& message) {
    const std::string bytes = encode(message);
    Frame frame;
    return read_frame(bytes, frame) == cast::ErrorCode::ok && message_again<M>(frame).has_value();
}

/// How many of all kinds of bodies these bytes are.
int kinds_of(std::string_view body) {
    int kinds = 0;
    for (int verb = 0; verb < 256; ++verb) {
        Frame frame;
        frame.verb = static_cast<Verb>(verb);
        frame.body = body;
        kinds += body_again(frame) ? 1 : 0;
    }
    return kinds;
}

}  // namespace

TEST_CASE("every frame decodes and encodes to the same bytes") {
    for (const Example& frame : frame_examples()) {
        CAPTURE(frame.name);
        const Exact exact(frame.bytes);
        const auto again = frame_again(exact.view());
        REQUIRE(again);
        CHECK(hex(*again) == hex(frame.bytes));
    }
}

TEST_CASE("no prefix of a frame decodes, but for texts to the end, whole batches and whole fields") {
    for (const Example& frame : frame_examples()) {
        CAPTURE(frame.name);
        if (frame.bytes[1] == kNewestVersion) continue;  // handshake_test.cpp
        const bool open = frame.name == "control" || frame.name == "control_reply";
        const std::size_t fixed = frame.name == "control" ? kFrameHeader + 4 : kFrameHeader + 6;
        const bool batches = frame.name == "cast" || frame.name == "deliver";
        for_each_prefix(frame.bytes, [&](std::string_view prefix) {
            const bool good = (open && prefix.size() >= fixed) || (batches && prefix.size() == kFrameHeader);
            REQUIRE(frame_again(prefix).has_value() == good);
        });
    }
}

TEST_CASE("a byte too many is refused, but by texts to the end") {
    for (const Example& frame : frame_examples()) {
        CAPTURE(frame.name);
        const bool open = frame.name == "control" || frame.name == "control_reply";
        const Exact longer(frame.bytes + std::string(1, '\0'));
        CHECK(frame_again(longer.view()).has_value() == open);
    }
}

TEST_CASE("a changed byte makes another frame or none, and nothing is read beyond the end") {
    for (const Example& frame : frame_examples()) {
        CAPTURE(frame.name);
        for_each_corruption(frame.bytes, [](std::string_view bytes) { REQUIRE(frame_is_stable(bytes)); });
    }
}

TEST_CASE("every decoder bears every other frame's body, whole and cut") {
    for (const Example& frame : frame_examples()) {
        const std::string body = frame.bytes.substr(kFrameHeader);
        for_each_prefix(body, [](std::string_view prefix) { kinds_of(prefix); });
        const Exact exact(body);
        CHECK(kinds_of(exact.view()) >= 1);
    }
}

TEST_CASE("counts that lie are refused before anything is allocated") {
    CHECK_FALSE(decodes<Attach>("01 00 00 00 ff ff ff ff"));
    CHECK_FALSE(decodes<Attach>("01 00 00 00 02 00 00 00 00 01 61 00 00 00 00"));
    CHECK_FALSE(decodes<Attach>("01 00 00 00 01 00 00 00 00 01 61 ff ff ff ff"));
    CHECK_FALSE(decodes<Attach>("01 00 00 00 00 00 00 00 00"));
    CHECK_FALSE(decodes<Attached>("01 00 00 00 ff ff ff 7f"));
    CHECK_FALSE(decodes<Attached>("01 00 00 00 01 00 00 00 00 00 01 61 ff ff ff 00"));
    CHECK_FALSE(decodes<Detach>("ff ff ff ff 01 61"));
    CHECK_FALSE(decodes<Detach>("02 00 00 00 01 61"));
    CHECK_FALSE(decodes<Ack>("ff ff ff ff"));
    CHECK_FALSE(decodes<Ack>("01 00 00 00 05 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00 01 00 00 00"));
    CHECK_FALSE(decodes<Receipt>("01 00 00 00 00 00 00 00 ff ff ff ff 00 00 00 00"));
    CHECK_FALSE(decodes<Receipt>("01 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00"));
    CHECK(decodes<Receipt>("01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"));
}

TEST_CASE("an ATTACH or DETACH lists at most 1,024 nodes") {
    Attach attach;
    attach.nodes.assign(kAttachMax, AttachNode{0, "a", {}});
    CHECK(survives(attach));
    attach.nodes.push_back({0, "a", {}});
    CHECK_FALSE(survives(attach));
    Detach detach;
    detach.names.assign(kAttachMax, "a");
    CHECK(survives(detach));
    detach.names.push_back("a");
    CHECK_FALSE(survives(detach));
}

TEST_CASE(
    "an ATTACH holds at most 16,384 positions, an ACK 1,024 streams and 16,384 exceptions, however they are shared "
    "out") {
    Attach attach;
    for (const std::size_t positions : {kAttachPositions - 1, std::size_t{1}})
        attach.nodes.push_back({kReceive, "a", std::vector<Position>(positions)});
    CHECK(survives(attach));
    attach.nodes.push_back({kReceive, "b", {Position{}}});
    CHECK_FALSE(survives(attach));
    Ack ack;
    ack.entries.resize(kAckEntries);
    ack.entries.front().exceptions.assign(kAckExceptions - 1, {"a", 1});
    ack.entries.back().exceptions.assign(1, {"a", 1});
    CHECK(survives(ack));
    ack.entries.back().exceptions.push_back({"b", 1});
    CHECK_FALSE(survives(ack));
    ack.entries.assign(kAckEntries + 1, AckEntry{});
    CHECK_FALSE(survives(ack));
}

TEST_CASE("a message decoded into a used one holds nothing of before") {
    std::string keep;
    Attach attach = example<Attach>("attach", keep);
    CHECK(decode(unhex("09 00 00 00 00 00 00 00"), attach));
    CHECK(attach.request == 9);
    CHECK(attach.nodes.empty());
    std::string kept;
    Receipt receipt = example<Receipt>("receipt", kept);
    CHECK(decode(unhex("01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"), receipt));
    CHECK(receipt.refused.empty());
    CHECK(receipt.delivered.empty());
    std::string held;
    Welcome welcome = example<Welcome>("welcome", held);
    CHECK(decode(std::string_view(held).substr(kFrameHeader), welcome));
    CHECK(welcome.publish.size() == 1);
    CHECK(welcome.refused.size() == 1);
}

TEST_CASE("HELLO says session, attempt, seen and agent; a session is not 0") {
    std::string keep;
    const auto m = example<Hello>("hello", keep);
    CHECK(m.session == 0x1122334455667788);
    CHECK(m.attempt == 2);
    CHECK(m.seen == 1);
    CHECK(m.agent == "demo");
    CHECK_FALSE(decodes<Hello>("00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00"));
    CHECK(decodes<Hello>("01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00"));
}

TEST_CASE("WELCOME says what the broker knows and its limits") {
    std::string keep;
    const auto m = example<Welcome>("welcome", keep);
    CHECK(m.epoch == 3);
    CHECK(m.store == 0xABCD);
    CHECK(m.through == 2);
    CHECK(m.known);
    CHECK(m.max_message == 1 << 20);
    CHECK(m.window_bytes == 4 << 20);
    CHECK(m.window_batches == 1024);
    CHECK(m.reader_window == 2 << 20);
    CHECK(m.ping_ms == 5000);
    CHECK(m.session_ms == 600000);
    CHECK(m.version == "0.1.0");
    CHECK(m.publish == std::vector<std::string_view>{"tcp://*:5571"});
    CHECK(m.refused == std::vector<Outcome>{{2, ErrorCode::no_such_node}});
}

TEST_CASE("LIMITS says again what may be sent") {
    std::string keep;
    const auto m = example<Limits>("limits", keep);
    CHECK(m == Limits{64 << 20, 4 << 20, 1024, 2 << 20, 5000});
}

TEST_CASE("WELCOME names at most 255 PUB ends and stays readable") {
    Welcome m;
    m.publish.assign(300, "ipc://x");
    const std::string bytes = encode(m);
    Welcome got;
    REQUIRE(decode(std::string_view(bytes).substr(kFrameHeader), got));
    CHECK(got.publish.size() == 255);
}

TEST_CASE("ATTACH and ATTACHED carry nodes with positions and streams") {
    std::string keep, kept;
    const auto attach = example<Attach>("attach", keep);
    CHECK(attach.request == 7);
    REQUIRE(attach.nodes.size() == 2);
    CHECK(attach.nodes[0].flags == (kReceive | kAgain));
    CHECK(attach.nodes[0].name == "alice");
    REQUIRE(attach.nodes[0].positions.size() == 1);
    CHECK(attach.nodes[0].positions[0].acked == 9);
    CHECK(attach.nodes[0].positions[0].received == 12);
    CHECK(attach.nodes[1].positions.empty());
    const auto attached = example<Attached>("attached", kept);
    REQUIRE(attached.nodes.size() == 2);
    REQUIRE(attached.nodes[0].streams.size() == 1);
    const StreamInfo& lane = attached.nodes[0].streams[0];
    CHECK(lane.stream == 5);
    CHECK(lane.kind == 4);
    CHECK(lane.group.empty());
    CHECK(lane.cursor == 9);
    CHECK(lane.last == 12);
    CHECK(lane.delivered == 11);
    CHECK(attached.nodes[1].code == ErrorCode::name_in_use);
}

TEST_CASE("ACK carries exceptions, RECEIPT outcomes") {
    std::string keep, kept;
    const auto ack = example<Ack>("ack", keep);
    REQUIRE(ack.entries.size() == 2);
    CHECK(ack.entries[0].exceptions.empty());
    REQUIRE(ack.entries[1].exceptions.size() == 1);
    CHECK(ack.entries[1].exceptions[0].node == "carol");
    CHECK(ack.entries[1].exceptions[0].sequence == 40);
    const auto receipt = example<Receipt>("receipt", kept);
    CHECK(receipt.through == 4);
    CHECK(receipt.refused == std::vector<Outcome>{{3, ErrorCode::mailbox_full}});
    CHECK(receipt.delivered == std::vector<Outcome>{{1, ErrorCode::ok}});
}

TEST_CASE("a GAP does not run backwards") {
    CHECK(decodes<Gap>("03 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00 01"));
    CHECK_FALSE(decodes<Gap>("03 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 01"));
}

TEST_CASE("CONTROL and its reply carry text to their end, which may be none") {
    std::string keep, kept;
    CHECK(example<Control>("control", keep).json == R"({"op":"node.list"})");
    CHECK(example<ControlReply>("control_reply", kept).json == R"({"nodes":[]})");
    CHECK(decodes<Control>("01 00 00 00"));
    CHECK_FALSE(decodes<Control>("01 00 00"));
    CHECK(decodes<ControlReply>("01 00 00 00 07 00"));
    CHECK_FALSE(decodes<ControlReply>("01 00 00 00 07"));
}

TEST_CASE("names and texts that are too long for their field are cut, and the frame stays readable") {
    const std::string long_name(300, 'n'), long_text(70'000, 't');
    ErrorReply error{ErrorCode::malformed, 4, long_text};
    const std::string bytes = encode(error);
    REQUIRE(decode(std::string_view(bytes).substr(kFrameHeader), error));
    CHECK(error.text.size() == 65'535);
    const std::string detach = encode(Detach{{long_name}});
    Detach got;
    REQUIRE(decode(std::string_view(detach).substr(kFrameHeader), got));
    CHECK(got.names[0].size() == 255);
}
