// Receipts, refusals, waiting and flow control of senders. A real broker, the real library.
#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

TEST_CASE("flush tells the first refusal since the last flush, and then is well again") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    must(alice.unicast("bob", "good"));
    must(alice.unicast("nobody", "bad"));
    must(alice.unicast("bob", "good too"));
    const auto refused = alice.flush(scaled(5000));
    CHECK(refused.code() == ErrorCode::no_such_node);
    CHECK(refused.error().detail.find("nobody") != std::string::npos);
    CHECK(next(bob) == "good");
    CHECK(next(bob) == "good too");
    must(alice.flush(scaled(5000)));
    must(alice.multicast("no-such-group", "bad"));
    CHECK(alice.flush(scaled(5000)).code() == ErrorCode::no_such_group);
    CHECK(alice.send(Message::unicast("nobody", "x"), Wait::receipt).code() == ErrorCode::no_such_node);
    CHECK(alice.send(Message::multicast("nobody", "x"), Wait::receipt).code() == ErrorCode::no_such_group);
    must(alice.send(Message::broadcast("x"), Wait::receipt));
    CHECK(alice.send(Message::unicast({"alice", "nobody"}, "x"), Wait::receipt).code() == ErrorCode::no_such_node);
}

TEST_CASE("names, types, headers and priorities out of their range are refused at once") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    for (const std::string& name : {std::string("a/b"), std::string(), std::string(129, 'x'), std::string("\xff\xfe"),
                                    std::string(".a"), std::string("a b")}) {
        CAPTURE(name);
        CHECK(alice.unicast(name, "x").code() == ErrorCode::invalid_name);
        CHECK(alice.multicast(name, "x").code() == ErrorCode::invalid_name);
        CHECK(alice.send(Message::unicast({"alice", name}, "x")).code() == ErrorCode::invalid_name);
        CHECK(Node::attach(name, broker.options()).code() == ErrorCode::invalid_name);
    }
    CHECK(alice.send(Message::unicast("alice", "x").with_priority(10)).code() == ErrorCode::invalid_argument);
    CHECK(alice.send(Message::unicast("alice", "x").with_priority(-1)).code() == ErrorCode::invalid_argument);
    CHECK(alice.send(Message::unicast("alice", "x").with_type("")).code() == ErrorCode::invalid_argument);
    CHECK(alice.send(Message::unicast("alice", "x").with_type(std::string(129, 't'))).code() ==
          ErrorCode::invalid_argument);
    CHECK(alice.send(Message::unicast("alice", "x").with_ttl(milliseconds(-1))).code() == ErrorCode::invalid_argument);
    CHECK(alice.send(Message::unicast("alice", "x").with_header("", "x")).code() == ErrorCode::invalid_argument);
    CHECK(alice.send(Message::unicast("alice", "x").with_header("k", std::string(9000, 'v'))).code() ==
          ErrorCode::too_large);
    Message many = Message::unicast("alice", "x");
    for (int i = 0; i < 65; ++i) many.header("k" + std::to_string(i), "v");
    CHECK(alice.send(many).code() == ErrorCode::too_large);
    CHECK(alice.send(Message()).code() == ErrorCode::invalid_argument);
    CHECK(nothing(alice) == "");
}

TEST_CASE("a payload over the broker's limit is too_large, one at the limit arrives") {
    BrokerProcess broker({"--max-message", "100kB"});
    Node alice = attach(broker, "alice");
    REQUIRE(alice.connection().max_message() == 100000);
    CHECK(alice.unicast("alice", std::string(100001, 'x')).code() == ErrorCode::too_large);
    const std::string longest(100000, 'y');
    must(alice.unicast("alice", longest));
    CHECK(next(alice) == longest);
}

TEST_CASE("a full mailbox refuses after send_timeout, holds up nobody else, and takes more once it is read") {
    BrokerProcess broker({"--mailbox-messages", "5"});
    Admin admin = administer(broker);
    must(admin.create_node("full"));
    std::atomic<int> refused{0};
    Node alice = attach(broker, "alice", [&](Options& o) {
        o.send_timeout = scaled(1500);
        o.on_refused = [&](const Refusal& r) {
            refused += r.code == ErrorCode::mailbox_full && r.target == "full" ? static_cast<int>(r.messages) : 100;
        };
    });
    Node bob = attach(broker, "bob");
    for (int i = 0; i < 5; ++i) must(alice.send(Message::unicast("full", std::to_string(i)), Wait::receipt));
    const auto begin = std::chrono::steady_clock::now();
    must(alice.unicast("full", "too much"));
    must(alice.unicast("bob", "past the full one"));
    CHECK(next(bob) == "past the full one");
    CHECK(refused == 0);  // it did not wait for that
    CHECK(alice.flush(scaled(10000)).code() == ErrorCode::mailbox_full);
    CHECK(std::chrono::steady_clock::now() - begin >= scaled(1490));
    CHECK(refused == 1);
    Node full = attach(broker, "full");
    for (int i = 0; i < 5; ++i) CHECK(next(full) == std::to_string(i));
    CHECK(nothing(full) == "");
    must(alice.send(Message::unicast("full", "room again"), Wait::receipt));
    CHECK(next(full) == "room again");
    CHECK(refused == 1);
}

TEST_CASE("what waits at a full mailbox arrives in order, once its reader makes room") {
    BrokerProcess broker({"--mailbox-messages", "3"});
    Admin admin = administer(broker);
    must(admin.create_node("busy"));
    Node alice = attach(broker, "alice");
    std::future<void> sending = std::async(std::launch::async, [&] {
        for (int i = 0; i < 40; ++i)
            CHECK(alice.send(Message::unicast("busy", std::to_string(i)), Wait::receipt, scaled(20000)).ok());
    });
    REQUIRE(eventually([&] { return must(admin.node("busy")).queued == 3; }));
    Node busy = attach(broker, "busy");
    for (int i = 0; i < 40; ++i) CHECK(next(busy) == std::to_string(i));
    sending.get();
}

TEST_CASE("a full send window refuses with would_block, or blocks until the deadline") {
    BrokerProcess broker;
    Node refusing = attach(broker, "refusing", [](Options& o) { o.when_full = WhenFull::refuse; });
    Node blocking = attach(broker, "blocking", [](Options& o) { o.send_timeout = scaled(200); });
    broker.stop();
    const std::string payload(50000, 'x');
    auto fill = [&](Node& node) {
        for (int i = 0; i < 1000; ++i)
            if (const auto sent = node.unicast("refusing", payload); !sent) return std::pair(sent.code(), i);
        return std::pair(ErrorCode::ok, 1000);
    };
    const auto [refused, many] = fill(refusing);
    CHECK(refused == ErrorCode::would_block);
    CHECK(many > 20);   // 2 MiB are on their way
    CHECK(many < 400);  // and not much more
    const auto begin = std::chrono::steady_clock::now();
    CHECK(fill(blocking).first == ErrorCode::timed_out);
    CHECK(std::chrono::steady_clock::now() - begin >= scaled(200));
    CHECK(blocking.flush(milliseconds(50)).code() == ErrorCode::timed_out);
    broker.go_on();
    must(refusing.flush(scaled(10000)));
    must(blocking.flush(scaled(10000)));
    must(refusing.unicast("refusing", "the end"));
    int came = 0;
    while (next(refusing) != "the end") ++came;
    CHECK(came >= many);
}

TEST_CASE("waiting for delivery ends when the receiver acknowledges, not when it receives") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    Node bob = attach(broker, "bob", [](Options& o) { o.manual_ack = true; });
    auto waiting = std::async(std::launch::async, [&] {
        return alice.send(Message::unicast("bob", "important"), Wait::delivered, scaled(20000)).code();
    });
    CHECK(next(bob) == "important");
    CHECK(waiting.wait_for(milliseconds(100)) == std::future_status::timeout);
    bob.ack();
    CHECK(waiting.get() == ErrorCode::ok);
    CHECK(alice.send(Message::unicast("bob", "unread"), Wait::delivered, milliseconds(100)).code() ==
          ErrorCode::timed_out);
    CHECK(alice.send(Message::multicast("team", "x"), Wait::delivered).code() == ErrorCode::invalid_argument);
    CHECK(alice.send(Message::unicast("nobody", "x"), Wait::delivered).code() == ErrorCode::no_such_node);
}

TEST_CASE("waiting for a delivery that will not happen tells why: expired, deleted") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    CHECK(alice.send(Message::unicast("bob", "short-lived").with_ttl(milliseconds(50)), Wait::delivered, scaled(10000))
              .code() == ErrorCode::expired);
    auto waiting = std::async(std::launch::async, [&] {
        return alice.send(Message::unicast("bob", "x"), Wait::delivered, scaled(10000)).code();
    });
    REQUIRE(eventually([&] { return must(admin.node("bob")).queued == 1; }));
    must(admin.delete_node("bob"));
    CHECK(waiting.get() == ErrorCode::deleted);
}

TEST_CASE("attached_only refuses with node_absent while nobody receives as the node") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    const auto message = Message::unicast("bob", "now or never").with_attached_only(true);
    CHECK(alice.send(message, Wait::receipt).code() == ErrorCode::node_absent);
    must(alice.send(message));
    CHECK(alice.flush(scaled(5000)).code() == ErrorCode::node_absent);
    {
        Node bob = attach(broker, "bob");
        CHECK(nothing(bob, 50) == "");
        must(alice.send(message, Wait::receipt));
        CHECK(next(bob) == "now or never");
        bob.ack();
    }
    REQUIRE(eventually([&] { return !attached(admin, "bob"); }));
    CHECK(alice.send(message, Wait::receipt).code() == ErrorCode::node_absent);
    CHECK(must(admin.node("bob")).queued == 0);
}

TEST_CASE("on_refused hears of every refusal with its target and how many messages it concerns") {
    BrokerProcess broker;
    std::mutex mutex;
    std::map<std::string, std::size_t> refused;
    Node alice = attach(broker, "alice", [&](Options& o) {
        o.on_refused = [&](const Refusal& r) {
            const std::lock_guard lock(mutex);
            refused[std::string(error_name(r.code)) + " " + r.target] += r.messages;
        };
    });
    for (int i = 0; i < 25; ++i) must(alice.unicast("nobody", "x"));
    for (int i = 0; i < 7; ++i) must(alice.multicast("no-group", "x"));
    const auto begin = std::chrono::steady_clock::now();
    CHECK_FALSE(alice.flush(scaled(5000)).ok());
    CHECK(std::chrono::steady_clock::now() - begin < scaled(1000));
    const std::lock_guard lock(mutex);
    CHECK(refused == std::map<std::string, std::size_t>{{"no_such_node nobody", 25}, {"no_such_group no-group", 7}});
}

TEST_CASE("a sender may wait for ever: longer than can be counted is no time in the past") {
    BrokerProcess broker({"--mailbox-messages", "10"});
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice", [](Options& options) { options.send_timeout = milliseconds::max(); });
    for (int i = 1; i <= 10; ++i) must(alice.send(Message::unicast("bob", std::to_string(i)), Wait::receipt));
    for (int i = 11; i <= 20; ++i) must(alice.unicast("bob", std::to_string(i)));
    CHECK_FALSE(alice.flush(scaled(100)));
    Node bob = attach(broker, "bob");
    for (int i = 1; i <= 20; ++i) CHECK(next(bob) == std::to_string(i));
    must(alice.flush(milliseconds::max()));
}
