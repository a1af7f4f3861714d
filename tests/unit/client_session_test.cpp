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
