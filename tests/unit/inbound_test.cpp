// libcast/src/inbound/inbound.hpp: order, gaps and their repair, acknowledging, reconnects, a broker that begins anew.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "src/inbound/inbound.hpp"
#include "src/session/session_time.hpp"
#include "wire/frame.hpp"
#include "wire/record.hpp"

using namespace cast;
using namespace cast::detail;

namespace {

constexpr std::uint64_t kLane = 7, kTeam = 9;

struct InboundFixture {
    Inbound inbound;
    Inbox bob;
    ClientOutbox out;

    InboundFixture() {
        bob.name = "bob";
        bob.window = 100000;
        inbound.online();
    }

    wire::StreamInfo lane(std::uint64_t cursor, std::uint64_t last, std::uint64_t delivered = 0) {
        return {kLane, wire::kDefaultPriority, {}, cursor, last, delivered};
    }
    wire::StreamInfo team(std::uint64_t cursor, std::uint64_t last) {
        return {kTeam, wire::kGroupStream, "team", cursor, last, 0};
    }

    /// A stamped batch of `count` records "x" in the stream.
    wire::Slice batch(std::uint64_t stream, std::uint64_t sequence, std::uint32_t count = 1, std::uint64_t number = 0) {
        wire::BatchHeader h;
        h.cast = stream == kLane ? wire::Cast::unicast : wire::Cast::multicast;
        h.session = 5;
        h.target = stream == kLane ? "bob" : "team";
        h.sender = "alice";
        std::string bytes;
        wire::begin_batch(bytes, h);
        for (std::uint32_t i = 0; i < count; ++i) wire::append_record(bytes, "text", {}, "x");
        wire::seal_batch(bytes, 0, number == 0 ? sequence : number, count, 0);
        wire::stamp_batch(bytes.data(), stream, sequence, 0);
        return wire::Slice::copy(bytes);
    }

    /// The sequences that wait in bob's queue, in order, which are handled.
    std::string handle() {
        std::string text;
        for (Item item; bob.pop(item);) {
            for (std::uint64_t s = item.from; s <= item.batch->view.last_sequence(); ++s)
                text += (text.empty() ? "" : " ") + std::to_string(s);
            inbound.finished(item, 0, out);
        }
        return text;
    }

    /// "ack 7:3" or "fetch 9 from 2" of each frame that would leave.
    std::string said() {
        std::string text;
        for (const wire::Slice& slice : out.frames) {
            wire::Frame frame;
            REQUIRE(wire::read_frame(slice.view(), frame) == ErrorCode::ok);
            if (!text.empty()) text += ", ";
            wire::Ack ack;
            wire::Fetch fetch;
            if (frame.verb == wire::Verb::ack && wire::decode(frame.body, ack)) {
                text += "ack";
                for (const auto& e : ack.entries) {
                    text += " " + std::to_string(e.stream) + ":" + std::to_string(e.sequence);
                    for (const auto& x : e.exceptions)
                        text += " but " + std::string(x.node) + ":" + std::to_string(x.sequence);
                }
            } else if (frame.verb == wire::Verb::fetch && wire::decode(frame.body, fetch)) {
                text += "fetch " + std::to_string(fetch.stream) + " from " + std::to_string(fetch.from);
            }
        }
        out.frames.clear();
        return text;
    }
    std::string tick() {
        inbound.tick(0, true, out);
        return said();
    }
};

}  // namespace

TEST_CASE_FIXTURE(InboundFixture, "a mailbox is handed over in order and acknowledged once it is handled, not before") {
    inbound.opened(bob, {lane(0, 0)}, out);
    inbound.deliver(batch(kLane, 1, 3), 0, out);
    inbound.deliver(batch(kLane, 4), 0, out);
    CHECK(tick() == "");
    CHECK(handle() == "1 2 3 4");
    CHECK(tick() == "ack 7:4");
    CHECK(tick() == "");
}

TEST_CASE_FIXTURE(InboundFixture, "what comes twice is handed over once") {
    inbound.opened(bob, {lane(0, 0)}, out);
    inbound.deliver(batch(kLane, 1, 3), 0, out);
    inbound.deliver(batch(kLane, 1, 3), 0, out);
    CHECK(handle() == "1 2 3");
    inbound.deliver(batch(kLane, 2, 3), 0, out);  // overlaps: only what is new of it
    CHECK(handle() == "4");
}

TEST_CASE_FIXTURE(InboundFixture, "what comes again though it was acknowledged is acknowledged again") {
    inbound.opened(bob, {lane(0, 0)}, out);
    inbound.deliver(batch(kLane, 1, 3), 0, out);
    inbound.deliver(batch(kLane, 4), 0, out);
    CHECK(handle() == "1 2 3 4");
    CHECK(tick() == "ack 7:4");
    inbound.deliver(batch(kLane, 4), 0, out);
    CHECK(handle() == "");
    CHECK(tick() == "ack 7:4");
    CHECK(tick() == "");
}

TEST_CASE_FIXTURE(InboundFixture,
                  "a hole in a group is fetched once, and what came after it is not handed over before") {
    inbound.opened(bob, {team(0, 0)}, out);
    CHECK(out.subscriptions == std::vector<std::pair<std::uint64_t, bool>>{{kTeam, true}});
    inbound.published(batch(kTeam, 1), 0, out);
    inbound.published(batch(kTeam, 3), 0, out);
    inbound.published(batch(kTeam, 4), 0, out);
    CHECK(handle() == "1");
    CHECK(said() == "fetch 9 from 2");
    for (std::uint64_t sequence = 2; sequence <= 4; ++sequence) inbound.deliver(batch(kTeam, sequence), 0, out);
    inbound.fetched({kTeam, 2, 4}, 0, out);
    CHECK(handle() == "2 3 4");
    CHECK(said() == "");
}

TEST_CASE_FIXTURE(InboundFixture, "a gap is told with its reason and passed over") {
    inbound.opened(bob, {team(0, 0)}, out);
    inbound.published(batch(kTeam, 4), 0, out);
    CHECK(said() == "fetch 9 from 1");
    inbound.gap({kTeam, 1, 3, wire::GapReason::retention}, 0, out);
    REQUIRE(out.notices.size() == 1);
    CHECK(out.notices[0].kind == Notice::Kind::gap);
    CHECK(out.notices[0].node == "bob");
    CHECK(out.notices[0].count == 3);
    CHECK(out.notices[0].text == "messages let go by the retention");
    inbound.deliver(batch(kTeam, 4), 0, out);
    CHECK(handle() == "4");
}

TEST_CASE_FIXTURE(InboundFixture,
                  "a TAIL tells of what SUB did not bring; two in a row with nothing between make the SUB anew") {
    inbound.opened(bob, {team(0, 0)}, out);
    inbound.tail({kTeam, 2}, out);
    CHECK(said() == "fetch 9 from 1");
    CHECK_FALSE(out.renew_subscriptions);
    inbound.fetched({kTeam, 1, 0}, 0, out);
    inbound.tail({kTeam, 3}, out);
    CHECK(out.renew_subscriptions);
}

TEST_CASE_FIXTURE(InboundFixture, "a slow node is the exception of its connection's acknowledgement") {
    Inbox carol;
    carol.name = "carol";
    carol.window = 100000;
    inbound.opened(bob, {team(0, 0)}, out);
    inbound.opened(carol, {team(0, 0)}, out);
    inbound.published(batch(kTeam, 1), 0, out);
    CHECK(handle() == "1");
    CHECK(tick() == "ack 9:1 but bob:1");  // carol still counts by herself, from 0
    Item item;
    REQUIRE(carol.pop(item));
    inbound.finished(item, 0, out);
    CHECK(tick() == "ack 9:1 but carol:1");
    inbound.close_all(carol, out);
}

TEST_CASE_FIXTURE(InboundFixture, "a node over its window drops copies and fetches them when it has room") {
    bob.window = 150;
    inbound.opened(bob, {team(0, 0)}, out);
    for (std::uint64_t sequence = 1; sequence <= 4; ++sequence) inbound.published(batch(kTeam, sequence), 0, out);
    CHECK(said() == "");
    CHECK(handle() == "1 2");
    CHECK(said() == "fetch 9 from 3");
}

TEST_CASE_FIXTURE(InboundFixture,
                  "after a cut it goes on where it stood, and nothing is acknowledged before it is attached again") {
    inbound.opened(bob, {lane(0, 0)}, out);
    inbound.deliver(batch(kLane, 1, 2), 0, out);
    CHECK(handle() == "1 2");
    inbound.offline();
    inbound.online();
    CHECK(tick() == "");
    const auto positions = inbound.positions(bob);
    REQUIRE(positions.size() == 1);
    CHECK(positions[0].acked == 2);
    CHECK(positions[0].received == 2);
    inbound.opened(bob, {lane(0, 3)}, out);
    CHECK(tick() == "ack 7:2");
    inbound.deliver(batch(kLane, 1, 3), 0, out);
    CHECK(handle() == "3");
}

TEST_CASE_FIXTURE(InboundFixture, "what another has handled meanwhile is passed over") {
    inbound.opened(bob, {lane(0, 0)}, out);
    inbound.offline();
    inbound.online();
    inbound.opened(bob, {lane(5, 6)}, out);
    inbound.deliver(batch(kLane, 6), 0, out);
    CHECK(handle() == "6");
}

TEST_CASE_FIXTURE(InboundFixture,
                  "a broker that begins anew may send again: what was had is recognised by session and number") {
    inbound.opened(bob, {lane(0, 0)}, out);
    inbound.deliver(batch(kLane, 1, 1, 11), 0, out);
    inbound.deliver(batch(kLane, 2, 1, 12), 0, out);
    CHECK(handle() == "1 2");
    inbound.offline();
    inbound.new_epoch(0, out);
    CHECK(inbound.positions(bob).empty());
    inbound.online();
    inbound.opened(bob, {lane(0, 0)}, out);
    inbound.deliver(batch(kLane, 1, 1, 12), 0, out);
    inbound.deliver(batch(kLane, 2, 1, 13), 0, out);
    CHECK(handle() == "2");
}

TEST_CASE_FIXTURE(InboundFixture,
                  "to the next epoch of the same store it says what it had handled, until it is attached there") {
    inbound.opened(bob, {lane(0, 0)}, out);
    inbound.deliver(batch(kLane, 1, 1, 11), 0, out);
    CHECK(handle() == "1");
    inbound.deliver(batch(kLane, 2, 1, 12), 0, out);
    inbound.offline();
    inbound.new_epoch(1, out);
    REQUIRE(inbound.positions(bob).size() == 1);
    CHECK(inbound.positions(bob)[0].acked == 1);
    CHECK(inbound.positions(bob)[0].received == 0);  // where it began to read
    inbound.online();
    inbound.opened(bob, {lane(1, 2)}, out);
    CHECK(bob.earlier.empty());
    inbound.deliver(batch(kLane, 2, 1, 12), 0, out);  // came before, and is still in the queue
    inbound.deliver(batch(kLane, 3, 1, 13), 0, out);
    CHECK(handle() == "2 3");
}

TEST_CASE_FIXTURE(InboundFixture, "what one epoch has counted of the one before is said to the next one, too") {
    inbound.opened(bob, {lane(0, 0), team(0, 0)}, out);
    for (std::uint64_t s = 1; s <= 3; ++s) inbound.deliver(batch(kLane, s, 1, 10 + s), 0, out);
    inbound.published(batch(kTeam, 1, 1, 20), 0, out);
    CHECK(handle().size() == 7);
    const auto restart = [&] {
        inbound.offline();
        inbound.new_epoch(1, out);
        inbound.online();
        std::string text;
        for (const wire::Position& p : inbound.positions(bob))
            text += std::to_string(p.stream) + ":" + std::to_string(p.received) + "-" + std::to_string(p.acked) + " ";
        return text;
    };
    CHECK(restart() == "7:0-3 9:0-1 ");
    wire::StreamInfo same = team(1, 1);
    SUBCASE("and what came after it") {
        same.delivered = 1;
        inbound.opened(bob, {lane(3, 5), same}, out);
        CHECK(restart() == "7:0-3 9:0-1 ");
        same.delivered = 1;
        inbound.opened(bob, {lane(3, 5), same}, out);
        inbound.deliver(batch(kLane, 4, 1, 14), 0, out);
        CHECK(handle() == "4");
        CHECK(restart() == "7:0-4 9:0-1 ");
    }
    SUBCASE("but not what another one had handled, nor of another membership") {
        inbound.opened(bob, {lane(4, 5), same}, out);
        CHECK(restart() == "7:4-4 9:1-1 ");
    }
}

TEST_CASE_FIXTURE(
    InboundFixture,
    "what it had handled is said to an epoch that it missed, and to the one after that; then it means nothing") {
    inbound.opened(bob, {lane(0, 0)}, out);
    inbound.deliver(batch(kLane, 1, 1, 11), 0, out);
    CHECK(handle() == "1");
    inbound.offline();
    bool back = true, seen = true;
    SUBCASE("it was not attached in one") { back = false; }
    SUBCASE("it did not even see one") { back = seen = false; }
    SUBCASE("it was attached in the second one") {}
    SUBCASE("it did not see the first, and was attached in the second one") { seen = false; }
    for (int epoch = 1; seen && epoch <= 2; ++epoch) {
        inbound.new_epoch(1, out);
        CHECK(bob.epochs_ago == static_cast<std::uint64_t>(epoch));
        inbound.offline();
    }
    if (!seen) inbound.new_epoch(2, out);
    CHECK(bob.epochs_ago == 2);
    REQUIRE(inbound.positions(bob).size() == 1);
    CHECK(inbound.positions(bob)[0].acked == 1);
    if (back) {
        inbound.online();
        inbound.opened(bob, {lane(1, 2)}, out);
    }
    inbound.offline();
    inbound.new_epoch(1, out);
    CHECK(inbound.positions(bob).size() == (back ? 1 : 0));
    CHECK((!back || bob.epochs_ago == 1));
}

TEST_CASE_FIXTURE(InboundFixture, "an ACK that is soon due rides with what leaves; one that is not waits") {
    inbound.opened(bob, {lane(0, 0)}, out);
    (void)tick();
    inbound.deliver(batch(kLane, 1), 1000, out);
    CHECK(handle() == "1");
    inbound.ride(1000, out);
    CHECK(said() == "");
    inbound.ride(1000 + kAckDelay - kAckRide, out);
    CHECK(said() == "ack 7:1");
}
