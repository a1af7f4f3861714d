// libcast/src/session.hpp: what the client makes of the broker's words about its own.
#include <doctest/doctest.h>

#include <string>

#include "src/session.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::detail;

namespace {

struct Fixture {
    Session session{77, "test"};
    ClientOutbox out;

    std::int64_t now_us = 0;

    void hear(std::string&& frame) { session.frame(wire::Slice::take(std::move(frame)), now_us, out); }
    void welcome(std::uint64_t epoch = 1, bool known = true, std::uint32_t session_ms = 600000) {
        wire::Welcome m;
        m.epoch = epoch;
        m.store = 1;
        m.known = known;
        m.session_ms = session_ms;
        m.max_message = 1 << 20;
        m.window_bytes = m.reader_window = 1 << 20;
        m.window_batches = 1024;
        m.ping_ms = 1000;
        m.version = "1";
        hear(wire::encode(m));
    }
    std::uint64_t hello() {
        for (const wire::Slice& slice : out.frames) {
            wire::Frame frame;
            wire::Hello m;
            if (wire::read_frame(slice.view(), frame) == ErrorCode::ok && frame.verb == wire::Verb::hello &&
                wire::decode(frame.body, m))
                return m.session;
        }
        return 0;
    }
    /// The connection is cut, and later there is another, to which a broker of that epoch does not know us.
    void forgotten(std::uint64_t epoch, std::int64_t later_us = 1000, std::uint32_t session_ms = 600000) {
        session.disconnected(out);
        out = {};
        now_us += later_us;
        session.connected(now_us, out);
        welcome(epoch, false, session_ms);
    }
    void send(std::string_view target) {
        Parcel p;
        p.sender = "alice";
        p.target = target;
        p.type = "text";
        session.outbound().add(p, out);
        session.outbound().push(out);
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "what the broker cannot read gets that outcome, once, and another session goes on") {
    session.connected(0, out);
    CHECK(hello() == 77);
    welcome();
    CHECK(session.online());
    send("bob");
    hear(wire::encode(
        wire::ErrorReply{ErrorCode::malformed, static_cast<std::uint8_t>(wire::Verb::cast), "a batch does not parse"}));
    CHECK(out.reconnect);
    CHECK(session.outbound().settled(session.outbound().added()));
    std::string target;
    CHECK(session.outbound().take_refusal(target) == ErrorCode::malformed);
    session.disconnected(out);
    out = {};
    session.connected(0, out);
    CHECK(hello() != 77);
    CHECK(hello() != 0);
}

TEST_CASE_FIXTURE(Fixture, "words about another frame that was not understood change nothing") {
    session.connected(0, out);
    welcome();
    send("bob");
    hear(wire::encode(wire::ErrorReply{ErrorCode::malformed, static_cast<std::uint8_t>(wire::Verb::fetch), ""}));
    hear("noise");
    CHECK_FALSE(out.reconnect);
    CHECK_FALSE(session.outbound().settled(session.outbound().added()));
}

TEST_CASE_FIXTURE(Fixture, "brokers that went down before they had kept anything of the session leave no doubt") {
    session.connected(now_us, out);
    welcome();
    hear(wire::encode_ping(wire::Verb::ping, wire::Ping{1}));
    send("bob");
    forgotten(2);
    CHECK(session.online());
    forgotten(5);  // two more came and went without us
    CHECK(session.online());
    CHECK_FALSE(session.outbound().settled(session.outbound().added()));
    hear(wire::encode(wire::Receipt{1, {}, {}}));
    CHECK(session.outbound().settled(session.outbound().added()));
    std::string target;
    CHECK(session.outbound().take_refusal(target) == ErrorCode::ok);
}

TEST_CASE_FIXTURE(Fixture, "whether a session was dropped can be unknown, and its sender hears of that") {
    session.connected(now_us, out);
    welcome();
    hear(wire::encode_ping(wire::Verb::ping, wire::Ping{1}));
    send("bob");
    SUBCASE("the broker that knew us runs on") { forgotten(1); }
    SUBCASE("away for longer than a session is kept") { forgotten(2, 600000000); }
    SUBCASE("sessions are dropped early there") { forgotten(2, 1000, 0); }
    SUBCASE("it was kept: there was a receipt") {
        hear(wire::encode(wire::Receipt{1, {}, {}}));
        send("bob");
        forgotten(2);
    }
    CHECK_FALSE(session.online());
    CHECK(session.outbound().settled(session.outbound().added()));
    std::string target;
    CHECK(session.outbound().take_refusal(target) == ErrorCode::session_expired);
}

TEST_CASE_FIXTURE(Fixture, "a connection is given up for PINGs without an answer, not for the time that went by") {
    constexpr std::int64_t kInterval = 1000000;  // welcome() names it
    session.connected(0, out);
    welcome();
    const auto pings = [&] {
        int count = 0;
        for (const wire::Slice& slice : out.frames) {
            wire::Frame frame;
            if (wire::read_frame(slice.view(), frame) == ErrorCode::ok && frame.verb == wire::Verb::ping) ++count;
        }
        out.frames.clear();
        return count;
    };
    CHECK(session.tick(1000, out) == 2 * kInterval);
    CHECK(pings() == 0);
    now_us = 60 * kInterval;  // stopped for a minute; whatever came meanwhile is still to be read
    CHECK(session.tick(now_us, out) == now_us + kInterval);
    CHECK(pings() == 1);
    CHECK_FALSE(out.reconnect);
    SUBCASE("answered: as if nothing had been") {
        hear(wire::encode_ping(wire::Verb::pong, wire::Ping{1}));
        CHECK(session.tick(now_us + kInterval, out) == now_us + 2 * kInterval);
        CHECK(pings() == 0);
    }
    SUBCASE("unanswered: asked once more, then given up") {
        now_us += kInterval;
        (void)session.tick(now_us, out);
        CHECK(pings() == 1);
        (void)session.tick(now_us + kInterval - 1, out);
        CHECK_FALSE(out.reconnect);
        (void)session.tick(now_us + kInterval, out);
        CHECK(pings() == 0);
        CHECK(out.reconnect);
    }
}

TEST_CASE_FIXTURE(Fixture, "who has acknowledged parts when the broker has answered, or is gone") {
    session.connected(0, out);
    const auto bob = session.attach("bob", true, false, 1 << 20, out);
    welcome();
    hear(wire::encode(wire::Attached{bob->request, {{ErrorCode::ok, "bob", {}}}}));
    session.part(now_us, out);
    CHECK(session.parted());  // nothing was acknowledged

    std::string frame;
    wire::begin_frame(frame, wire::Verb::deliver);
    wire::BatchHeader header;
    header.cast = wire::Cast::unicast;
    header.session = 5;
    header.target = "bob";
    header.sender = "alice";
    wire::begin_batch(frame, header);
    wire::append_record(frame, "text", {}, "x");
    wire::seal_batch(frame, wire::kFrameHeader, 1, 1, 0);
    wire::stamp_batch(frame.data() + wire::kFrameHeader, 7, 1, 0);
    hear(std::move(frame));
    Item item;
    REQUIRE(bob->inbox.pop(item));
    session.inbound().finished(item, now_us, out);

    out = {};
    session.part(now_us, out);
    CHECK_FALSE(session.parted());
    SUBCASE("another answer is not it") {
        hear(wire::encode_ping(wire::Verb::pong, wire::Ping{1}));
        CHECK_FALSE(session.parted());
    }
    SUBCASE("the answer") {
        wire::Ping ping;
        for (const wire::Slice& slice : out.frames) {
            wire::Frame f;
            if (wire::read_frame(slice.view(), f) == ErrorCode::ok && f.verb == wire::Verb::ping) REQUIRE(wire::decode(f.body, ping));
        }
        hear(wire::encode_ping(wire::Verb::pong, ping));
        CHECK(session.parted());
    }
    SUBCASE("the connection went, and with it the answer: the next one is not waited for") {
        session.disconnected(out);
        CHECK(session.parted());
        session.connected(now_us, out);
        welcome();
        CHECK(session.parted());
    }
}
