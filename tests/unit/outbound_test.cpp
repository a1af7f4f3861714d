// libcast/src/outbound/outbound.hpp: open batches, receipts, sending again, full targets. No
// sockets, no clock: time is given.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "src/outbound/outbound.hpp"
#include "src/session/session_time.hpp"
#include "wire/frame.hpp"
#include "wire/record.hpp"

using namespace cast;
using namespace cast::detail;

namespace {

constexpr std::uint64_t kSession = 77;

OutgoingRecord record(std::string_view target, std::string_view payload, std::int64_t deadline_us = kForever) {
    OutgoingRecord p;
    p.sender = "alice";
    p.target = target;
    p.type = "text";
    p.payload = payload;
    p.deadline_us = deadline_us;
    return p;
}

/// "number>target(payload,payload)" of every batch in the frames, which are taken out.
std::string batches(ClientOutbox& out) {
    std::string text;
    for (const wire::Slice& slice : out.frames) {
        wire::Frame frame;
        REQUIRE(wire::read_frame(slice.view(), frame) == ErrorCode::ok);
        if (frame.verb != wire::Verb::cast) continue;
        CHECK(wire::for_each_batch(frame.body, [&](const wire::BatchView& b) {
            text += (text.empty() ? "" : " ") + std::to_string(b.header.number) + ">" + std::string(b.header.target);
            text += (b.header.flags & wire::kResume) != 0 ? "!(" : "(";
            wire::Reader in(b.records);
            for (std::uint32_t i = 0; i < b.header.count; ++i)
                text += (i > 0 ? "," : "") + std::string(wire::read_record(in)->payload);
            text += ")";
            CHECK(b.header.session == kSession);
        }));
    }
    out.frames.clear();
    return text;
}

/// "target:payload" of every record in such a text, whatever batches they stand in.
std::string records(const std::string& text) {
    std::string out, target;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t open = text.find('(', at), close = text.find(')', open);
        target = text.substr(text.find('>', at) + 1, open - text.find('>', at) - 1);
        std::size_t from = open + 1;
        while (from < close) {
            const std::size_t to = std::min(text.find(',', from), close);
            out += (out.empty() ? "" : " ") + target + ":" + text.substr(from, to - from);
            from = to + 1;
        }
        at = close + 2;
    }
    return out;
}

struct OutboundFixture {
    Outbound outbound{kSession};
    ClientOutbox out;
    void add(std::string_view target, std::string_view payload, std::int64_t deadline_us = kForever) {
        outbound.add(record(target, payload, deadline_us), out);
    }
    std::string push() {
        outbound.push(out);
        return batches(out);
    }
    void receipt(std::uint64_t through, const std::vector<wire::Outcome>& refused = {}, std::int64_t now_us = 0) {
        outbound.receipt(through, refused, now_us, out);
    }
};

}  // namespace

TEST_CASE_FIXTURE(OutboundFixture, "nothing leaves while offline, everything when online, in the order it was added") {
    add("bob", "1");
    add("bob", "2");
    outbound.push(out);
    add("carol", "3");
    outbound.push(out);
    CHECK(batches(out) == "");
    outbound.online(out);
    const std::string text = batches(out);
    CHECK(records(text) == "bob:1 bob:2 carol:3");
    const std::uint64_t last = text.find("3>") != std::string::npos ? 3 : 2;
    CHECK_FALSE(outbound.settled(3));
    receipt(last - 1);
    CHECK(outbound.settled(2));
    CHECK_FALSE(outbound.settled(3));
    receipt(last);
    CHECK(outbound.settled(outbound.added()));
    CHECK(outbound.seen() == last);
}

TEST_CASE_FIXTURE(OutboundFixture,
                  "a lone message leaves at once, a burst to several targets in few batches, each target's in order") {
    outbound.online(out);
    add("bob", "a");
    CHECK(batches(out) == "1>bob(a)");
    std::string bob, carol;
    for (int i = 0; i < 1000; ++i) {
        add(i % 2 == 0 ? "bob" : "carol", std::to_string(i));
        (i % 2 == 0 ? bob : carol) += (i % 2 == 0 ? " bob:" : " carol:") + std::to_string(i);
    }
    const std::string text = push();
    CHECK(std::count(text.begin(), text.end(), '>') < 200);
    std::istringstream words(records(text));
    std::string word, got_bob, got_carol;
    while (words >> word) (word[0] == 'b' ? got_bob : got_carol) += " " + word;
    CHECK(got_bob == bob);
    CHECK(got_carol == carol);
}

TEST_CASE_FIXTURE(OutboundFixture,
                  "what has no receipt is sent again after a cut, the same bytes under the same numbers") {
    outbound.online(out);
    add("bob", "1");
    (void)push();
    add("bob", "2");
    (void)push();
    add("carol", "3");
    (void)push();
    outbound.offline();
    receipt(1);  // the WELCOME says so
    outbound.online(out);
    CHECK(batches(out) == "2>bob(2) 3>carol(3)");
    receipt(3);
    outbound.offline();
    outbound.online(out);
    CHECK(batches(out) == "");
}

TEST_CASE_FIXTURE(OutboundFixture, "low receipts count forward over 32 bits and never back") {
    outbound.online(out);
    for (int i = 0; i < 5; ++i) {
        add("bob", "x");
        (void)push();
    }
    outbound.receipt_low(3, 0, out);
    CHECK(outbound.seen() == 3);
    outbound.receipt_low(1, 0, out);
    CHECK(outbound.seen() == 3);
    outbound.receipt_low(0xFFFFFFFF, 0, out);
    CHECK(outbound.seen() == 3);
    outbound.receipt_low(5, 0, out);
    CHECK(outbound.settled(5));
}

TEST_CASE_FIXTURE(OutboundFixture, "a refusal is told once, with its target and count") {
    outbound.online(out);
    add("nobody", "x");
    (void)push();
    add("bob", "y");
    (void)push();
    receipt(2, {{1, ErrorCode::no_such_node}});
    std::string target;
    CHECK(outbound.take_refusal(target) == ErrorCode::no_such_node);
    CHECK(target == "nobody");
    CHECK(outbound.take_refusal(target) == ErrorCode::ok);
    REQUIRE(out.refusals.size() == 1);
    CHECK(out.refusals[0].messages == 1);
    CHECK(outbound.settled(2));
}

TEST_CASE_FIXTURE(OutboundFixture, "what a full target refuses is tried again in order, and holds up no other target") {
    outbound.online(out);
    for (const char* payload : {"1", "2", "3"}) {
        add("full", payload);
        (void)push();
    }
    receipt(3, {{1, ErrorCode::mailbox_full}, {2, ErrorCode::mailbox_full}, {3, ErrorCode::mailbox_full}});
    CHECK_FALSE(outbound.settled(1));
    add("bob", "past");
    CHECK(push() == "4>bob(past)");
    receipt(4);
    (void)outbound.tick(10 * (1000 * kMillisecond), out);
    const std::string tried = batches(out);
    CHECK(tried.find("!(1)") != std::string::npos);
    CHECK(tried.find("5>full") == 0);
    receipt(5, {}, 11 * (1000 * kMillisecond));
    (void)outbound.tick(12 * (1000 * kMillisecond), out);
    const std::string rest = batches(out);
    CHECK(rest.find("(2)") < rest.find("(3)"));
    CHECK(rest.find("(3)") != std::string::npos);
    receipt(7);
    CHECK(outbound.settled(4));
    std::string target;
    CHECK(outbound.take_refusal(target) == ErrorCode::ok);
}

TEST_CASE_FIXTURE(OutboundFixture, "what waits at a full target can be taken back, and is not sent later") {
    outbound.online(out);
    for (const char* payload : {"11", "12", "13"}) {
        OutgoingRecord p = record("full", payload);
        p.token = std::stoull(payload);
        outbound.add(p, out);
    }
    CHECK(records(push()) == "full:11 full:12 full:13");
    CHECK(outbound.withdraw(12) == ErrorCode::ok);  // on its way
    receipt(3, {{1, ErrorCode::mailbox_full}, {2, ErrorCode::mailbox_full}, {3, ErrorCode::mailbox_full}});
    CHECK(outbound.withdraw(12) == ErrorCode::mailbox_full);
    CHECK(outbound.withdraw(12) == ErrorCode::ok);
    (void)outbound.tick(10 * (1000 * kMillisecond), out);
    CHECK(batches(out) == "4>full!(11)");
    receipt(4, {}, 11 * (1000 * kMillisecond));
    (void)outbound.tick(12 * (1000 * kMillisecond), out);
    CHECK(batches(out) == "5>full(13)");
    receipt(5);
    CHECK(outbound.settled(outbound.added()));
    ErrorCode code = ErrorCode::internal;
    CHECK(outbound.outcome(11, code));
    CHECK(code == ErrorCode::ok);
    CHECK_FALSE(outbound.outcome(12, code));
    CHECK(outbound.outcome(13, code));
}

TEST_CASE_FIXTURE(OutboundFixture, "what stays refused until its deadline fails with the broker's own code") {
    outbound.online(out);
    OutgoingRecord p = record("team", "x", 1000 * kMillisecond);
    p.cast = wire::Cast::multicast;
    outbound.add(p, out);
    (void)push();
    receipt(1, {{1, ErrorCode::group_busy}});
    CHECK_FALSE(outbound.settled(1));
    for (int turn = 0; turn < 50 && !outbound.settled(1); ++turn) {
        (void)outbound.tick(turn * 100 * kMillisecond, out);
        const std::string tried = batches(out);
        if (!tried.empty())
            receipt(std::stoull(tried), {{std::stoull(tried), ErrorCode::group_busy}}, turn * 100 * kMillisecond);
    }
    CHECK(outbound.settled(1));
    std::string target;
    CHECK(outbound.take_refusal(target) == ErrorCode::group_busy);
}

TEST_CASE_FIXTURE(OutboundFixture, "the window has room for so many bytes and no more") {
    outbound.online(out);
    outbound.window(1000000, 1024);
    const std::string payload(10000, 'x');
    int added = 0;
    while (outbound.room(wire::Cast::unicast, "bob", 10016) && added < 1000) {
        add("bob", payload);
        ++added;
    }
    CHECK(added >= 90);
    CHECK(added <= 100);
    CHECK_FALSE(outbound.room(wire::Cast::unicast, "carol", 10016));
    (void)push();
    receipt(1000);
    CHECK(outbound.room(wire::Cast::unicast, "bob", 10016));
}

TEST_CASE_FIXTURE(OutboundFixture, "a session that is forgotten settles its unreceipted with an unknown outcome") {
    outbound.online(out);
    add("bob", "1");
    (void)push();
    outbound.offline();
    outbound.restart(kSession, ErrorCode::session_expired, out);
    CHECK(outbound.settled(1));
    std::string target;
    CHECK(outbound.take_refusal(target) == ErrorCode::session_expired);
    outbound.online(out);
    add("bob", "2");
    outbound.push(out);
    CHECK(batches(out) == "1>bob(2)");
}

TEST_CASE_FIXTURE(OutboundFixture,
                  "a watched parcel tells its own outcome, and a wanted delivery waits for the reader") {
    outbound.online(out);
    OutgoingRecord awaited = record("bob", "x");
    awaited.token = 5;
    outbound.add(awaited, out);
    awaited.token = 6;
    awaited.flags = wire::kWantsDelivered;
    outbound.add(awaited, out);
    (void)push();
    ErrorCode code = ErrorCode::internal;
    CHECK_FALSE(outbound.outcome(5, code));
    CHECK_FALSE(outbound.awaits_delivery(6));
    receipt(2);
    CHECK(outbound.outcome(5, code));
    CHECK(code == ErrorCode::ok);
    CHECK_FALSE(outbound.outcome(6, code));
    CHECK(outbound.awaits_delivery(6));
    outbound.delivered({{2, ErrorCode::expired}});
    CHECK_FALSE(outbound.awaits_delivery(6));
    CHECK(outbound.outcome(6, code));
    CHECK(code == ErrorCode::expired);
}

TEST_CASE_FIXTURE(OutboundFixture, "the first answer about a delivery counts, also when it comes before the receipt") {
    outbound.online(out);
    OutgoingRecord awaited = record("bob", "x");
    awaited.token = 5;
    awaited.flags = wire::kWantsDelivered;
    outbound.add(awaited, out);
    (void)push();
    outbound.delivered({{1, ErrorCode::undeliverable}, {1, ErrorCode::ok}});
    receipt(1);
    ErrorCode code = ErrorCode::internal;
    CHECK(outbound.outcome(5, code));
    CHECK(code == ErrorCode::undeliverable);
}

TEST_CASE_FIXTURE(OutboundFixture, "a full node does not hold up the group of its name") {
    outbound.online(out);
    add("team", "1");
    (void)push();
    receipt(1, {{1, ErrorCode::mailbox_full}});
    OutgoingRecord multicast = record("team", "2");
    multicast.cast = wire::Cast::multicast;
    outbound.add(multicast, out);
    outbound.push(out);
    CHECK(batches(out) == "2>team(2)");
}
