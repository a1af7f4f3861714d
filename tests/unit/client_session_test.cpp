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

    void hear(std::string&& frame) { session.frame(wire::Slice::take(std::move(frame)), 0, out); }
    void welcome() {
        wire::Welcome m;
        m.epoch = m.store = 1;
        m.known = true;
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
            if (wire::read_frame(slice.view(), frame) == ErrorCode::ok && frame.verb == wire::Verb::hello && wire::decode(frame.body, m)) return m.session;
        }
        return 0;
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
    hear(wire::encode(wire::ErrorReply{ErrorCode::malformed, static_cast<std::uint8_t>(wire::Verb::cast), "a batch does not parse"}));
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
