// libcast/src/session/session.hpp: what the client makes of the broker's words about its own.
#include <doctest/doctest.h>

#include <string>

#include "src/session/session.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::detail;

namespace {

struct SessionFixture {
    Session session{77, {"test", "0123456789abcdef", "here"}};
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
    /// The HELLO that was said, and its version; session 0: none.
    wire::Hello said(std::uint8_t& version) {
        wire::Hello m;
        for (const wire::Slice& slice : out.frames) {
            wire::Frame frame;
            if (wire::read_frame(slice.view(), frame) != ErrorCode::ok || frame.verb != wire::Verb::hello) continue;
            REQUIRE(wire::decode(frame.body, m, frame.version));
            version = frame.version;
        }
        return m;
    }
    std::uint64_t hello() {
        std::uint8_t version = 0;
        return said(version).session;
    }
    /// The connection is given up, and there is a new one.
    void reconnect() {
        session.disconnected(out);
        out.reconnect = out.redial = false;
        out.frames.clear();
        session.connected(now_us, out);
    }
    void error(ErrorCode code, wire::Verb verb = wire::Verb::hello, std::string_view leader = {}) {
        hear(wire::encode(wire::ErrorReply{code, static_cast<std::uint8_t>(verb), "why", leader}));
    }
    /// The connection is cut, and later there is another, to which a broker of that epoch does not know us.
    void forgotten(std::uint64_t epoch, std::int64_t scheduled_us = 1000, std::uint32_t session_ms = 600000) {
        session.disconnected(out);
        out = {};
        now_us += scheduled_us;
        session.connected(now_us, out);
        welcome(epoch, false, session_ms);
    }
    void send(std::string_view target) {
        OutgoingRecord p;
        p.sender = "alice";
        p.target = target;
        p.type = "text";
        session.outbound().add(p, out);
        session.outbound().push(out);
    }
};

}  // namespace

TEST_CASE_FIXTURE(SessionFixture, "limits that the broker changes count from then on") {
    session.connected(0, out);
    welcome();
    REQUIRE(session.max_message() == 1 << 20);
    hear(wire::encode(wire::Limits{64 << 20, 8 << 20, 1024, 1 << 20, 1000}));
    CHECK(session.max_message() == 64 << 20);
    hear(wire::encode(wire::Limits{1 << 10, 1 << 20, 1024, 1 << 20, 1000}));
    CHECK(session.max_message() == 1 << 10);
}

TEST_CASE_FIXTURE(SessionFixture, "what the broker cannot read gets that outcome, once, and another session goes on") {
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

TEST_CASE_FIXTURE(SessionFixture, "words about another frame that was not understood change nothing") {
    session.connected(0, out);
    welcome();
    send("bob");
    hear(wire::encode(wire::ErrorReply{ErrorCode::malformed, static_cast<std::uint8_t>(wire::Verb::fetch), ""}));
    hear("noise");
    CHECK_FALSE(out.reconnect);
    CHECK_FALSE(session.outbound().settled(session.outbound().added()));
}

TEST_CASE_FIXTURE(SessionFixture,
                  "brokers that went down before they had kept anything of the session leave no doubt") {
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

TEST_CASE_FIXTURE(SessionFixture, "whether a session was dropped can be unknown, and its sender hears of that") {
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

TEST_CASE_FIXTURE(SessionFixture,
                  "a connection is given up for PINGs without an answer, not for the time that went by") {
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

TEST_CASE_FIXTURE(SessionFixture, "who has acknowledged parts when the broker has answered, or is gone") {
    session.connected(0, out);
    const auto bob = session.attach("bob", true, false, 1 << 20, out);
    welcome();
    hear(wire::encode(wire::Attached{bob->request, {{ErrorCode::ok, "bob", {}}}}));
    session.part(now_us, out);
    CHECK(session.said_bye());  // nothing was acknowledged

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
    CHECK_FALSE(session.said_bye());
    SUBCASE("another answer is not it") {
        hear(wire::encode_ping(wire::Verb::pong, wire::Ping{1}));
        CHECK_FALSE(session.said_bye());
    }
    SUBCASE("the answer") {
        wire::Ping ping;
        for (const wire::Slice& slice : out.frames) {
            wire::Frame f;
            if (wire::read_frame(slice.view(), f) == ErrorCode::ok && f.verb == wire::Verb::ping)
                REQUIRE(wire::decode(f.body, ping));
        }
        hear(wire::encode_ping(wire::Verb::pong, ping));
        CHECK(session.said_bye());
    }
    SUBCASE("the connection went, and with it the answer: the next one is not waited for") {
        session.disconnected(out);
        CHECK(session.said_bye());
        session.connected(now_us, out);
        welcome();
        CHECK(session.said_bye());
    }
}

TEST_CASE_FIXTURE(
    SessionFixture,
    "a node that is lost says why: to its reader, and for what it had sent and the broker no longer takes") {
    session.connected(0, out);
    welcome();
    const auto node = session.attach("alice", true, false, 0, out);
    wire::Attached attached;
    attached.request = node->request;
    attached.nodes.push_back({ErrorCode::ok, "alice", {}});
    hear(wire::encode(attached));
    REQUIRE(node->state == Attachment::State::attached);
    ErrorCode why = ErrorCode::taken_over;
    Notice::Kind announced = Notice::Kind::taken_over;
    SUBCASE("taken over") {}
    SUBCASE("deleted") {
        why = ErrorCode::deleted;
        announced = Notice::Kind::deleted;
    }
    SUBCASE("whatever else the broker may say") {
        why = ErrorCode::forbidden;
        announced = Notice::Kind::closed;
    }
    send("bob");
    out = {};
    hear(wire::encode(wire::Detached{"alice", why}));
    CHECK(node->inbox.closed == why);
    REQUIRE(out.notices.size() == 1);
    CHECK(out.notices[0].kind == announced);
    CHECK(out.notices[0].node == "alice");
    hear(wire::encode(wire::Detached{"alice", why}));
    CHECK(out.notices.size() == 1);
    wire::Receipt receipt;
    receipt.through = 1;
    receipt.refused.push_back({1, ErrorCode::not_attached});
    hear(wire::encode(receipt));
    std::string target;
    CHECK(session.outbound().take_refusal(target) == why);
    session.detach(node, 0, out);
    CHECK(node->inbox.closed == why);
    CHECK(session.attach("alice", true, false, 0, out) != nullptr);
}

TEST_CASE_FIXTURE(SessionFixture,
                  "who was told by a restarted broker what others had is told so until it has heard it") {
    const auto attach_flags = [this] {
        int flags = -1;
        for (const wire::Slice& slice : out.frames) {
            wire::Frame frame;
            wire::Attach m;
            if (wire::read_frame(slice.view(), frame) == ErrorCode::ok && frame.verb == wire::Verb::attach &&
                wire::decode(frame.body, m))
                flags = m.nodes.at(0).flags;
        }
        return flags;
    };
    const auto reconnect = [this](std::uint64_t epoch) {
        session.disconnected(out);
        out = {};
        session.connected(++now_us, out);
        welcome(epoch);
    };
    const auto attached = [this](const Attachment& node) {
        wire::Attached m;
        m.request = node.request;
        m.nodes.push_back({ErrorCode::ok, "bob", {}});
        hear(wire::encode(m));
    };
    session.connected(0, out);
    welcome(1);
    const auto bob = session.attach("bob", true, true, 1 << 20, out);
    CHECK(attach_flags() == (wire::kReceive | wire::kTakeOver));
    reconnect(1);
    CHECK(attach_flags() == (wire::kReceive | wire::kTakeOver));  // it has not heard that it was attached
    attached(*bob);
    reconnect(1);
    CHECK(attach_flags() == (wire::kReceive | wire::kAgain));
    reconnect(2);
    CHECK(attach_flags() == wire::kReceive);
    reconnect(2);
    CHECK(attach_flags() == wire::kReceive);  // the answer was lost, and with it what readers had before the restart
    attached(*bob);
    reconnect(2);
    CHECK(attach_flags() == (wire::kReceive | wire::kAgain));
}

TEST_CASE_FIXTURE(SessionFixture, "to a broker it says of which epoch its positions are") {
    session.connected(0, out);
    welcome(1);
    const auto bob = session.attach("bob", true, false, 1 << 20, out);
    wire::StreamInfo lane;
    lane.stream = 7;
    lane.kind = 4;
    hear(wire::encode(wire::Attached{bob->request, {{ErrorCode::ok, "bob", {lane}}}}));
    std::uint64_t epoch = 1;
    for (const int flags :
         {wire::kReceive | wire::kAgain | wire::kEarlier, wire::kReceive | wire::kBefore, int{wire::kReceive}}) {
        session.disconnected(out);
        out = {};
        session.connected(++now_us, out);
        welcome(++epoch);
        int said = 0;
        for (const wire::Slice& slice : out.frames) {
            wire::Frame frame;
            wire::Attach m;
            if (wire::read_frame(slice.view(), frame) != ErrorCode::ok || frame.verb != wire::Verb::attach ||
                !wire::decode(frame.body, m))
                continue;
            said = m.nodes.at(0).flags;
            CHECK(m.nodes[0].positions.size() == (flags == wire::kReceive ? 0 : 1));
        }
        CHECK(said == flags);
    }
}

TEST_CASE_FIXTURE(SessionFixture, "at the end what was sent leaves before BYE, and every node is closed") {
    session.connected(0, out);
    welcome();
    const auto node = session.attach("alice", true, false, 0, out);
    OutgoingRecord p;
    p.cast = wire::Cast::unicast;
    p.sender = "alice";
    p.target = "bob";
    p.payload = "x";
    p.type = "text";
    for (int i = 0; i < 100; ++i)
        if (!session.outbound().add_more(p)) session.outbound().add(p, out);
    p.plain = true;
    REQUIRE(session.outbound().add_more(p));
    REQUIRE(session.outbound().plain().add(wire::Cast::unicast, "alice", "bob", "x"));
    out = {};
    session.end(0, out);
    REQUIRE(out.frames.size() == 2);
    for (const auto& [slice, verb] :
         {std::pair{out.frames[0], wire::Verb::cast}, std::pair{out.frames[1], wire::Verb::bye}}) {
        wire::Frame frame;
        REQUIRE(wire::read_frame(slice.view(), frame) == ErrorCode::ok);
        CHECK(frame.verb == verb);
    }
    CHECK_FALSE(session.outbound().plain().add(wire::Cast::unicast, "alice", "bob", "x"));
    CHECK(node->inbox.closed == ErrorCode::closed);
    CHECK_FALSE(session.online());
}

TEST_CASE_FIXTURE(SessionFixture, "a session proves itself with its secret, in version 2") {
    session.connected(0, out);
    std::uint8_t version = 0;
    const auto m = said(version);
    CHECK(version == 2);
    CHECK(m.secret == "0123456789abcdef");
    CHECK(m.host == "here");
    CHECK(m.capabilities == 0);
}

TEST_CASE_FIXTURE(SessionFixture,
                  "a broker of version 1 is spoken to in version 1, at the same end, until it is gone") {
    session.connected(0, out);
    send("bob");
    error(ErrorCode::unsupported_version, wire::Verb{});
    CHECK(out.reconnect);
    CHECK(out.redial);
    error(ErrorCode::hello_first, wire::Verb::cast);  // what went out with the HELLO
    CHECK(out.redial);
    reconnect();
    std::uint8_t version = 0;
    const auto m = said(version);
    CHECK(version == 1);
    CHECK(m.attempt == 1);          // the other one was not heard
    CHECK(out.frames.size() == 2);  // what was sent goes with it again
    welcome();
    CHECK(session.online());
    reconnect();  // to a newer one, perhaps
    said(version);
    CHECK(version == 2);
}

TEST_CASE_FIXTURE(SessionFixture, "who does not speak version 1 either is told to be of no use") {
    session.connected(0, out);
    error(ErrorCode::unsupported_version);
    reconnect();
    error(ErrorCode::unsupported_version);
    CHECK(session.handshake().rejected() == ErrorCode::unsupported_version);
    CHECK_FALSE(out.redial);
}

TEST_CASE_FIXTURE(SessionFixture, "a session that somebody else has by now is given up for another one") {
    session.connected(0, out);
    welcome();
    send("bob");
    reconnect();
    error(ErrorCode::forbidden);  // once: a HELLO that came late
    CHECK(out.reconnect);
    reconnect();
    CHECK(hello() == 77);
    error(ErrorCode::forbidden);
    reconnect();
    CHECK(hello() != 77);
    CHECK(hello() != 0);
    std::string target;
    CHECK(session.outbound().take_refusal(target) == ErrorCode::session_expired);
}

TEST_CASE_FIXTURE(SessionFixture, "one forbidden HELLO now and then is none in a row") {
    for (int i = 0; i < 3; ++i) {
        session.connected(0, out);
        error(ErrorCode::forbidden);
        reconnect();
        welcome();
        reconnect();
    }
    CHECK(hello() == 77);
}

TEST_CASE_FIXTURE(SessionFixture, "a broker that follows another one names it, before and after the WELCOME") {
    session.connected(0, out);
    error(ErrorCode::not_leader, wire::Verb::hello, "tcp://b:5570");
    CHECK(out.reconnect);
    CHECK(session.handshake().take_leader() == "tcp://b:5570");
    CHECK(session.handshake().take_leader().empty());
    CHECK(session.handshake().trouble().find("tcp://b:5570") != std::string::npos);
    reconnect();
    welcome();
    CHECK(session.handshake().trouble().empty());
    out.reconnect = false;
    error(ErrorCode::not_leader, wire::Verb::cast, "tcp://c:5570");
    CHECK(out.reconnect);
    CHECK(session.handshake().take_leader() == "tcp://c:5570");
}

TEST_CASE_FIXTURE(SessionFixture, "an older copy of the store is not accepted; a later one is") {
    session.connected(0, out);
    welcome(5);
    reconnect();
    welcome(4);
    CHECK_FALSE(session.online());
    CHECK(out.reconnect);
    CHECK(session.handshake().trouble().find("older copy") != std::string::npos);
    reconnect();
    welcome(6);
    CHECK(session.online());
}

TEST_CASE_FIXTURE(SessionFixture, "a WELCOME with a field that must be understood and is not is no use") {
    session.connected(0, out);
    wire::Welcome m;
    m.capabilities = 0;
    std::string frame = wire::encode(m);
    frame.append("\x85\x00\x00", 3);
    hear(std::move(frame));
    CHECK_FALSE(session.online());
    CHECK(session.handshake().rejected() == ErrorCode::unsupported_version);
}
