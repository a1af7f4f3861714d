// core/session/session.hpp and the HELLO in core/router.hpp: whose session it is, and what version 2 of the protocol
// adds.
#include "core/session/session.hpp"

#include <doctest/doctest.h>

#include <string>

#include "core/router.hpp"
#include "server/secret_hash.hpp"
#include "support/hex.hpp"
#include "support/memory_disk.hpp"
#include "wire/record.hpp"

using namespace broker;
using namespace cast::wire;
using cast::ErrorCode;
using cast::test::MemoryDisk;

namespace {

constexpr const char *kMine = "0123456789abcdef", *kOther = "0123456789abcdeF";

/// A broker with a store, and whoever says HELLO to it.
struct Admission {
    Router router{config()};
    Outbox outbox;
    Now now{1000000, 1700000000000000u};
    MemoryDisk disk;

    static Config config() {
        Config c;
        c.durable = true;
        c.hash_secret = hash_secret;
        return c;
    }
    void say(ConnectionId from, const std::string& frame) { router.handle(from, Slice::copy(frame), now, outbox); }
    /// The code of the ERROR that answers it; ok: a WELCOME did.
    ErrorCode hello(ConnectionId from, const Hello& m) {
        outbox.clear();
        say(from, encode(m));
        REQUIRE(outbox.sends.size() == 1);
        Frame frame;
        REQUIRE(read_frame(outbox.sends[0].frame.view(), frame) == ErrorCode::ok);
        ErrorReply reply;
        welcome = {};
        if (frame.verb == Verb::welcome) {
            REQUIRE(decode(frame.body, welcome, frame.version));
            return ErrorCode::ok;
        }
        REQUIRE(decode(frame.body, reply, frame.version));
        CHECK(reply.verb == static_cast<std::uint8_t>(Verb::hello));
        return reply.code;
    }
    ErrorCode hello(ConnectionId from, std::uint32_t attempt, std::string_view secret) {
        return hello(from, {7, attempt, 0, "test", 0, secret});
    }
    /// Without fields: as version 1 has it.
    ErrorCode old_hello(ConnectionId from, std::uint32_t attempt) { return hello(from, {7, attempt, 0, "test"}); }
    bool holds(ConnectionId from) {
        const Connection* connection = router.state().sessions.connection(from);
        return connection != nullptr && connection->session->id == 7;
    }
    /// The session sends something, so that the store knows it; and what changed is kept.
    void send(ConnectionId from, std::uint64_t number) {
        say(from, encode(Attach{1, {{0, "alice", {}}}}));
        std::string frame;
        begin_frame(frame, Verb::cast);
        BatchHeader h;
        h.session = 7;
        h.sender = "alice";
        h.target = "nobody";
        begin_batch(frame, h);
        append_record(frame, "text", {}, "x");
        seal_batch(frame, kFrameHeader, number, 1, 0);
        say(from, frame);
        keep();
    }
    void keep() {
        router.close_turn();
        Transaction transaction;
        router.collect(transaction, now);
        disk.apply(transaction);
        router.committed(transaction.turn);
    }
    Welcome welcome;
};

}  // namespace

TEST_CASE_FIXTURE(Admission,
                  "a session is whose secret it began with: nobody else comes as it, and it notices nothing") {
    REQUIRE(hello(1, 1, kMine) == ErrorCode::ok);
    CHECK(hello(2, 9, kOther) == ErrorCode::forbidden);
    CHECK(hello(3, 9, "") == ErrorCode::forbidden);
    CHECK(old_hello(4, 9) == ErrorCode::forbidden);
    CHECK(holds(1));
    CHECK(hello(5, 2, kMine) == ErrorCode::ok);
    CHECK(holds(5));
    CHECK_FALSE(holds(1));
}

TEST_CASE_FIXTURE(Admission, "it is so after a restart, of which a hash is enough") {
    REQUIRE(hello(1, 1, kMine) == ErrorCode::ok);
    send(1, 1);
    REQUIRE(disk.sessions().size() == 1);
    CHECK(disk.sessions().at(7).secret == hash_secret(kMine));
    CHECK(std::string(disk.sessions().at(7).secret.begin(), disk.sessions().at(7).secret.end()) != kMine);
    Admission next;
    next.router.restore(disk.recover(false), next.now, next.outbox);
    CHECK(next.hello(1, 9, kOther) == ErrorCode::forbidden);
    CHECK(next.old_hello(2, 9) == ErrorCode::forbidden);
    CHECK(next.hello(3, 2, kMine) == ErrorCode::ok);
    CHECK(next.welcome.through == 1);
}

TEST_CASE_FIXTURE(Admission, "one that began with version 1 is the first one's who says a secret, and stays so") {
    REQUIRE(old_hello(1, 1) == ErrorCode::ok);
    send(1, 1);
    CHECK(old_hello(2, 2) == ErrorCode::ok);
    CHECK(hello(3, 3, kMine) == ErrorCode::ok);
    CHECK(old_hello(4, 4) == ErrorCode::forbidden);
    keep();
    CHECK(disk.sessions().at(7).secret == hash_secret(kMine));
}

TEST_CASE_FIXTURE(Admission, "changed settings change nothing of that") {
    REQUIRE(hello(1, 1, kMine) == ErrorCode::ok);
    router.reconfigure(Config{}, outbox);
    CHECK(hello(2, 2, kMine) == ErrorCode::ok);
    CHECK(hello(3, 3, kOther) == ErrorCode::forbidden);
}

TEST_CASE_FIXTURE(Admission, "a HELLO alone writes nothing to the store") {
    REQUIRE(hello(1, 1, kMine) == ErrorCode::ok);
    keep();
    CHECK(disk.sessions().empty());
}

TEST_CASE("the hash is the first half of SHA-256") {
    const SecretHash hash = hash_secret("abc");
    CHECK(cast::test::hex({reinterpret_cast<const char*>(hash.data()), hash.size()}) ==
          "ba 78 16 bf 8f 01 cf ea 41 41 40 de 5d ae 22 23");
}

TEST_CASE_FIXTURE(Admission, "capabilities are answered with those that both have, to who says some") {
    REQUIRE(hello(1, {7, 1, 0, "test", 0xFF}) == ErrorCode::ok);
    CHECK(welcome.capabilities == 0);
    REQUIRE(hello(2, {8, 1, 0, "test"}) == ErrorCode::ok);
    CHECK_FALSE(welcome.capabilities.has_value());
}

TEST_CASE_FIXTURE(Admission, "nobody may speak for others") {
    CHECK(hello(1, {7, 1, 0, "test", 0, kMine, "", "eve"}) == ErrorCode::forbidden);
    CHECK_FALSE(holds(1));
}

TEST_CASE_FIXTURE(Admission, "the host that a client names is known") {
    REQUIRE(hello(1, {7, 1, 0, "test", 0, kMine, "pc"}) == ErrorCode::ok);
    CHECK(router.state().sessions.session(7)->host == "pc");
}

TEST_CASE_FIXTURE(Admission, "a field that has to be understood and is not: the frame is answered, and not acted on") {
    const auto with_field = [](std::string frame, Verb verb) {
        write_frame_header(frame.data(), verb, 0, 0, kNewestVersion);
        return frame.append("\x85\x00\x00", 3);
    };
    const auto answer = [this] {
        ErrorReply reply;
        Frame frame;
        if (outbox.sends.size() != 1 || read_frame(outbox.sends[0].frame.view(), frame) != ErrorCode::ok ||
            frame.verb != Verb::error || !decode(frame.body, reply, frame.version))
            return std::string("none");
        return std::string(error_name(reply.code)) + " " + std::to_string(reply.verb) + ": " + std::string(reply.text);
    };
    say(1, with_field(encode(Hello{7, 1, 0, "test"}), Verb::hello));
    CHECK(answer() == "unsupported_version 1: field 5 has to be understood, and is not known here");
    CHECK_FALSE(holds(1));
    REQUIRE(hello(1, 1, kMine) == ErrorCode::ok);
    outbox.clear();
    say(1, with_field(encode(Attach{1, {{kReceive, "bob", {}}}}), Verb::attach));
    CHECK(answer() == "unsupported_version 2: field 5 has to be understood, and is not known here");
    CHECK(router.state().directory.node("bob") == nullptr);
    outbox.clear();
    say(1, with_field(encode(Ack{{{1, 1, {}}}}), Verb::ack));
    CHECK(answer() == "unsupported_version 5: field 5 has to be understood, and is not known here");
}

TEST_CASE_FIXTURE(Admission, "a frame of a version that is not spoken is told which ones are") {
    std::string frame = encode(Hello{7, 1, 0, "test"});
    frame[1] = 3;
    say(1, frame);
    Frame got;
    ErrorReply reply;
    REQUIRE(outbox.sends.size() == 1);
    REQUIRE(read_frame(outbox.sends[0].frame.view(), got) == ErrorCode::ok);
    REQUIRE(decode(got.body, reply, got.version));
    CHECK(got.version == kVersion);
    CHECK(reply.code == ErrorCode::unsupported_version);
    CHECK(reply.text == "this broker speaks versions 1 and 2");
}
