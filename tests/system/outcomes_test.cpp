// Node::send_async and what becomes of it. A real broker, the real library, a relay that cuts.
#include <doctest/doctest.h>
#include <poll.h>

#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "support/broker_process.hpp"
#include "support/proxy.hpp"

using namespace cast;
using namespace cast::test;

namespace {

const char* outcome_word(const Outcome& o) {
    switch (o.kind) {
        case Outcome::Kind::accepted: return "accepted";
        case Outcome::Kind::delivered: return "delivered";
        case Outcome::Kind::room: return "room";
        default: return error_name(o.code);
    }
}

/// "token recipient target word" of the next outcome, waiting for it with the descriptor.
std::string next_outcome(Connection connection) {
    pollfd admin{connection.descriptor(), POLLIN, 0};
    for (int tries = 0; tries < 100; ++tries) {
        if (const auto some = connection.outcomes(1); !some.empty()) {
            const Outcome& o = some.front();
            return std::to_string(o.token) + " " + std::to_string(o.recipient) + " " + o.target + " " + outcome_word(o);
        }
        if (poll(&admin, 1, static_cast<int>(scaled(10000).count())) != 1) return "nothing came";
    }
    return "readable for nothing";
}

/// How often each word was told, until there are `count` outcomes.
std::map<std::string, int> take_outcomes(Connection connection, std::size_t count) {
    std::map<std::string, int> words;
    std::set<SendToken> tokens;
    while (tokens.size() < count) {
        if (const auto more = connection.wait(scaled(20000)); !more && more.code() != ErrorCode::closed) break;
        const auto some = connection.outcomes();
        if (some.empty()) break;
        for (const Outcome& o : some) {
            if (o.kind == Outcome::Kind::room) continue;
            ++words[outcome_word(o)];
            CHECK(tokens.insert(o.token).second);  // one outcome each
        }
    }
    return words;
}

bool has_something(Connection connection) {
    pollfd admin{connection.descriptor(), POLLIN, 0};
    return poll(&admin, 1, 0) == 1;
}

AsyncSend async_within(milliseconds timeout, Wait wait = Wait::receipt) {
    AsyncSend how;
    how.wait = wait;
    how.timeout = timeout;
    return how;
}

}  // namespace

TEST_CASE("each recipient has its outcome: accepted, refused with the reason, delivered") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    const Connection c = alice.connection();
    CHECK(must(alice.send_async(Message::unicast("bob", "one"), 7)) == 1);
    CHECK(next_outcome(c) == "7 0 bob accepted");
    CHECK(must(alice.send_async(Message::unicast({"bob", "nobody"}, "two"), 8)) == 2);
    CHECK(next_outcome(c) == "8 0 bob accepted");
    CHECK(next_outcome(c) == "8 1 nobody no_such_node");
    CHECK(must(alice.send_async(Message::multicast("nowhere", "x"), 9)) == 1);
    CHECK(next_outcome(c) == "9 0 nowhere no_such_group");
    must(alice.send_async(Message::unicast("bob", "three"), 11, async_within(scaled(20000), Wait::delivered)));
    CHECK(next(bob) == "one");
    CHECK(next(bob) == "two");
    CHECK_FALSE(has_something(c));  // nobody has acknowledged the third
    CHECK(next(bob) == "three");
    bob.ack();
    CHECK(next_outcome(c) == "11 0 bob delivered");
    must(alice.send_async(Message::unicast("bob", "four"), 12, async_within({}, Wait::none)));
    must(alice.flush(scaled(10000)));
    CHECK(next(bob) == "four");
    CHECK_FALSE(has_something(c));  // nobody asked
    CHECK(must(alice.send_async(Message::broadcast("to all"), 10)) == 1);
    CHECK(next_outcome(c) == "10 0  accepted");
    CHECK(next(bob) == "to all");
}

TEST_CASE("what cannot be sent is said at once, and has no outcome") {
    BrokerProcess broker({"--max-message", "1000"});
    Node alice = attach(broker, "alice");
    const std::string long_one(1001, 'x');
    CHECK(alice.send_async(Message::unicast("a/b", "x"), 1).code() == ErrorCode::invalid_name);
    CHECK(alice.send_async(Message(), 1).code() == ErrorCode::invalid_argument);
    CHECK(alice.send_async(Message::unicast("bob", long_one), 1).code() == ErrorCode::too_large);
    CHECK(alice.send_async(Message::broadcast("x"), 1, async_within({}, Wait::delivered)).code() ==
          ErrorCode::invalid_argument);
    AsyncSend behind;
    behind.first = 1;
    CHECK(alice.send_async(Message::unicast("bob", "x"), 1, behind).code() == ErrorCode::invalid_argument);
    CHECK(alice.connection().wait(milliseconds(0)).code() == ErrorCode::timed_out);
    alice.connection().close();
    CHECK(alice.send_async(Message::unicast("bob", "x"), 1).code() == ErrorCode::closed);
}

TEST_CASE("a full mailbox holds up nobody else: it is refused when its time is over, or taken when it is read") {
    BrokerProcess broker({"--mailbox-messages", "1"});
    Admin admin = administer(broker);
    must(admin.create_node("full"));
    must(admin.create_node("read"));
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    const Connection c = alice.connection();
    for (const char* name : {"full", "read"}) must(alice.send(Message::unicast(name, "first"), Wait::receipt));
    must(alice.send_async(Message::unicast("full", "short"), 1, async_within(scaled(300))));
    must(alice.send_async(Message::unicast("full", "shorter"), 2,
                          async_within(scaled(150))));  // behind one with more time
    must(alice.send_async(Message::unicast("read", "second"), 3, async_within(scaled(20000))));
    must(alice.send_async(Message::unicast("bob", "past them"), 4));
    CHECK(next_outcome(c) == "4 0 bob accepted");
    CHECK(next(bob) == "past them");
    CHECK(next_outcome(c) == "2 0 full mailbox_full");
    CHECK(next_outcome(c) == "1 0 full mailbox_full");
    CHECK_FALSE(has_something(c));
    Node reader = attach(broker, "read");
    CHECK(next(reader) == "first");
    reader.ack();
    CHECK(next_outcome(c) == "3 0 read accepted");
    CHECK(next(reader) == "second");
    CHECK(must(admin.node("full")).queued == 1);  // what was refused is not sent later
}

TEST_CASE("a full target blocks itself and no other, and says when it may be sent to again") {
    BrokerProcess broker({"--mailbox-messages", "1"});
    Admin admin = administer(broker);
    must(admin.create_node("full"));
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    const Connection c = alice.connection();
    must(alice.send(Message::unicast("full", "first"), Wait::receipt));
    const std::string payload(100 * 1000, 'x');
    SendToken token = 1;
    const auto send = [&] {
        return alice.send_async(Message::unicast("full", payload), token, async_within(scaled(60000)));
    };
    must(send());
    REQUIRE(eventually([&] {  // until the library knows that it is full, and its share of the window is taken
        while (send()) ++token;
        return token > 3;
    }));
    CHECK(send().code() == ErrorCode::would_block);
    CHECK(send().code() == ErrorCode::would_block);
    REQUIRE(eventually([&] { return alice.send_async(Message::unicast("bob", "past it"), 1000).ok(); }));
    CHECK(next(bob) == "past it");
    for (std::string o = next_outcome(c); o != "1000 0 bob accepted"; o = next_outcome(c)) {
        CAPTURE(o);
        REQUIRE(o.ends_with(" room"));
    }
    while (send()) ++token;  // it may have been the window alone that was full
    std::thread reader([&] {
        Node full = attach(broker, "full");
        CHECK(next(full) == "first");
        while (next(full, 2000) == payload) {
        }
    });
    std::string o = next_outcome(c);
    while (o.ends_with(" accepted")) o = next_outcome(c);
    CHECK(o.ends_with(" 0 full room"));
    must(send());
    reader.join();
}

TEST_CASE("a message to more than the window takes goes on where it stopped") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    std::vector<std::string> names;
    Admin admin = administer(broker);
    for (int i = 0; i < 200; ++i) {
        names.push_back("n" + std::to_string(i));
        must(admin.create_node(names.back()));
    }
    const Message message = Message::unicast(names, std::string(100 * 1000, 'x'));  // 20 MB
    AsyncSend how;
    std::set<std::size_t> accepted;
    int rounds = 0;
    while (accepted.size() < names.size()) {
        if (how.first < names.size()) {
            const auto taken = alice.send_async(message, 5, how);
            if (taken) how.first = *taken;
            if (!taken) REQUIRE(taken.code() == ErrorCode::would_block);
            ++rounds;
        }
        must(alice.connection().wait(scaled(20000)));
        for (const Outcome& o : alice.connection().outcomes()) {
            CHECK(o.token == 5);
            CHECK(o.target == names[o.recipient]);
            if (o.kind != Outcome::Kind::room) REQUIRE(o.kind == Outcome::Kind::accepted);
            if (o.kind == Outcome::Kind::accepted) accepted.insert(o.recipient);
        }
    }
    CHECK(rounds > 1);
    for (const std::string& name : names) CHECK(must(admin.node(name)).queued == 1);
}

TEST_CASE("outcomes survive a lost connection, and a broker that goes and comes back") {
    BrokerProcess broker({"--data"});
    Proxy proxy(broker.url());
    Admin admin = administer(broker);
    must(admin.create_node("box"));
    Node alice = attach(broker, "alice", [&](Options& o) { o.broker = proxy.url(); });
    for (SendToken token = 0; token < 300; ++token) {
        must(alice.send_async(Message::unicast("box", std::to_string(token)), token, async_within(scaled(60000))));
        if (token % 100 == 50) proxy.cut();
    }
    CHECK(take_outcomes(alice.connection(), 300) == std::map<std::string, int>{{"accepted", 300}});
    CHECK(must(admin.node("box")).queued == 300);
    broker.kill();
    for (SendToken token = 0; token < 300; ++token)
        must(alice.send_async(Message::unicast("box", std::to_string(token)), token, async_within(scaled(60000))));
    must(alice.send_async(Message::unicast("box", "impatient"), 300, async_within(milliseconds(1))));
    CHECK(next_outcome(alice.connection()) == "300 0 box timed_out");  // it may still be taken
    broker.restart();
    CHECK(take_outcomes(alice.connection(), 300) == std::map<std::string, int>{{"accepted", 300}});
    CHECK(eventually([&] { return must(administer(broker).node("box")).queued == 601; }));
}

TEST_CASE("with close() all that is under way has its outcome, and the descriptor shows it") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    const Connection c = alice.connection();
    CHECK_FALSE(has_something(c));
    broker.stop();
    for (SendToken token = 0; token < 10; ++token) must(alice.send_async(Message::unicast("alice", "x"), token));
    Connection(c).close();
    CHECK(has_something(c));
    for (SendToken token = 0; token < 10; ++token) CHECK(next_outcome(c) == std::to_string(token) + " 0 alice closed");
    CHECK(has_something(c));
    CHECK(Connection(c).wait(milliseconds(0)).code() == ErrorCode::closed);
    CHECK(Connection(c).outcomes().empty());
    broker.go_on();
}

TEST_CASE("a node that ends, or is destroyed, leaves its outcomes to its connection") {
    BrokerProcess broker({"--mailbox-messages", "1"});
    must(administer(broker).create_node("full"));
    Connection c = must(Connection::open(broker.options()));
    {
        Node alice = must(c.attach("alice"));
        must(alice.send(Message::unicast("full", "first"), Wait::receipt));
        must(alice.send_async(Message::unicast("alice", "x"), 1));
        must(alice.send_async(Message::unicast("full", "y"), 2, async_within(scaled(60000))));
        CHECK(next_outcome(c) == "1 0 alice accepted");
    }
    CHECK(next_outcome(c) == "2 0 full not_attached");
}

TEST_CASE("a callback hears of outcomes instead, and of those of a connection that ends") {
    BrokerProcess broker;
    std::mutex mutex;
    std::vector<std::string> heard;
    const auto count = [&] {
        const std::lock_guard lock(mutex);
        return heard.size();
    };
    {
        Node alice = attach(broker, "alice", [&](Options& o) {
            o.on_outcome = [&](const Outcome& outcome) {
                const std::lock_guard lock(mutex);
                heard.push_back(std::to_string(outcome.token) + " " + outcome_word(outcome));
            };
        });
        must(alice.send_async(Message::unicast("alice", "x"), 1));
        REQUIRE(eventually([&] { return count() == 1; }));
        CHECK(alice.connection().outcomes().empty());
        broker.stop();
        must(alice.send_async(Message::unicast("alice", "x"), 2));
        alice.connection().close();
        broker.go_on();
    }
    CHECK(heard == std::vector<std::string>{"1 accepted", "2 closed"});
}

TEST_CASE("many threads send, one takes the outcomes: each send has exactly one") {
    BrokerProcess broker;
    Connection c = must(Connection::open(broker.options()));
    Node alice = must(c.attach("alice")), bob = must(c.attach("bob"));
    constexpr SendToken kEach = 2000;
    std::vector<std::thread> senders;
    for (SendToken t = 0; t < 4; ++t)
        senders.emplace_back([&, t] {
            Node& from = t % 2 == 0 ? alice : bob;
            for (SendToken i = 0; i < kEach;) {
                const auto sent = from.send_async(Message::unicast("bob", "x"), t * kEach + i);
                if (sent) ++i;
                if (!sent) CHECK(sent.code() == ErrorCode::would_block);
                if (!sent) std::this_thread::yield();
            }
        });
    CHECK(take_outcomes(c, 4 * kEach) == std::map<std::string, int>{{"accepted", 4 * kEach}});
    for (std::thread& sender : senders) sender.join();
}
