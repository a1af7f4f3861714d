// The ways to receive: receive, receive_some, a callback, a descriptor; and acknowledging. A real broker, the real
// library.
#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>
#include <future>
#include <thread>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

namespace {

bool readable(int fd, milliseconds limit) {
    pollfd item{fd, POLLIN, 0};
    return poll(&item, 1, static_cast<int>(limit.count())) == 1;
}

}  // namespace

TEST_CASE("receive times out when nothing comes, no sooner and not much later") {
    BrokerProcess broker;
    Node bob = attach(broker, "bob");
    CHECK(bob.receive(milliseconds(0)).code() == ErrorCode::timed_out);
    CHECK(bob.receive(milliseconds(-5)).code() == ErrorCode::timed_out);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(bob.receive(milliseconds(80)).code() == ErrorCode::timed_out);
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(took >= milliseconds(79));
    CHECK(took < milliseconds(80) + scaled(2000));
}

TEST_CASE("the descriptor is readable exactly while a message is at hand") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    const int fd = bob.poll_fd();
    CHECK(fd == bob.poll_fd());
    CHECK_FALSE(readable(fd, milliseconds(0)));
    for (int round = 0; round < 20; ++round) {
        for (int i = 0; i < 3; ++i) must(alice.unicast("bob", std::to_string(i)));
        for (int i = 0; i < 3; ++i) {
            REQUIRE(readable(fd, scaled(10000)));
            const auto message = bob.receive(milliseconds(0));
            if (!message) {  // the batch of the next one may still be on its way
                --i;
                continue;
            }
            REQUIRE(message->payload() == std::to_string(i));
        }
        CHECK_FALSE(readable(fd, milliseconds(0)));
    }
    must(alice.broadcast("to all"));
    REQUIRE(readable(fd, scaled(10000)));
    CHECK(next(bob) == "to all");
}

TEST_CASE("receive_some hands over everything at hand in one call") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    for (int i = 0; i < 500; ++i) must(alice.unicast("bob", std::to_string(i)));
    must(alice.flush(scaled(5000)));
    {
        Node bob = attach(broker, "bob");
        int seen = 0, calls = 0;
        while (seen < 500) {
            const std::size_t count = must(bob.receive_some(
                [&](const Message& m) { CHECK(m.payload() == std::to_string(seen++)); }, scaled(10000)));
            REQUIRE(count > 0);
            ++calls;
        }
        CHECK(calls < 250);
        CHECK(bob.receive_some([](const Message&) {}, milliseconds(20)).code() == ErrorCode::timed_out);
        CHECK(eventually([&] { return must(admin.node("bob")).acknowledged == 500; }));
    }
}

TEST_CASE("a callback runs on a thread of its own, one message at a time, and may send") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    std::atomic<int> running{0}, seen{0};
    std::atomic<bool> alone{true}, other_thread{true};
    const auto main_thread = std::this_thread::get_id();
    must(bob.on_message([&](const Message& m) {
        if (++running != 1) alone = false;
        if (std::this_thread::get_id() == main_thread) other_thread = false;
        if (m.payload() != std::to_string(seen++)) alone = false;
        (void)bob.unicast("alice", m.payload());
        --running;
    }));
    CHECK_FALSE(bob.on_message([](const Message&) {}).ok());
    for (int i = 0; i < 300; ++i) must(alice.unicast("bob", std::to_string(i)));
    for (int i = 0; i < 300; ++i) REQUIRE(next(alice) == std::to_string(i));
    CHECK(alone);
    CHECK(other_thread);
}

TEST_CASE("a node may be destroyed within its own callback") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Node alice = attach(broker, "alice");
    for (int round = 0; round < 5; ++round) {
        auto bob = std::make_unique<Node>(attach(broker, "bob"));
        auto called = std::make_shared<std::promise<void>>();
        auto over = called->get_future();
        must(bob->on_message([&bob, called](const Message&) {
            bob.reset();
            called->set_value();
        }));
        must(alice.send(Message::unicast("bob", "end"), Wait::receipt));
        REQUIRE(over.wait_for(scaled(10000)) == std::future_status::ready);
        CHECK(eventually([&] { return gone(admin, "bob"); }));
    }
}

TEST_CASE("a callback that runs when its node is destroyed is finished first") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    std::atomic<bool> begun{false}, finished{false};
    std::promise<void> go;
    std::shared_future<void> gate = go.get_future().share();
    auto bob = std::make_unique<Node>(attach(broker, "bob"));
    must(bob->on_message([&](const Message&) {
        begun = true;
        gate.wait();
        finished = true;
    }));
    must(alice.unicast("bob", "x"));
    REQUIRE(eventually([&] { return begun.load(); }));
    std::thread letting([&] { go.set_value(); });
    bob.reset();
    CHECK(finished);
    letting.join();
}

TEST_CASE("with manual_ack what was not acknowledged comes again, marked redelivered") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    must(admin.join("team", {"bob"}));
    Node alice = attach(broker, "alice");
    auto manual = [](Options& o) { o.manual_ack = true; };
    auto receive_all = [&](Node& bob, bool redelivered) {
        for (const char* want : {"one", "two", "three"}) {
            const Message message = must(bob.receive(scaled(10000)));
            CHECK(message.payload() == want);
            CHECK(message.redelivered() == redelivered);
        }
    };
    for (const char* payload : {"one", "two", "three"})
        must(alice.send(Message::unicast("bob", payload), Wait::receipt));
    {
        Node bob = attach(broker, "bob", manual);
        receive_all(bob, false);
        CHECK(nothing(bob) == "");
    }
    {
        Node bob = attach(broker, "bob", manual);
        receive_all(bob, true);
        must(alice.multicast("team", "four"));
        CHECK(next(bob) == "four");
        bob.ack();
    }
    Node bob = attach(broker, "bob", manual);
    CHECK(nothing(bob) == "");
    CHECK(must(admin.node("bob")).acknowledged == 3);
}

TEST_CASE("taking the next message acknowledges the one before") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    for (const char* payload : {"one", "two"}) must(alice.send(Message::unicast("bob", payload), Wait::receipt));
    {
        Node bob = attach(broker, "bob");
        CHECK(next(bob) == "one");
        CHECK(next(bob) == "two");
        CHECK(eventually([&] { return must(admin.node("bob")).acknowledged == 1; }));
    }
    Node bob = attach(broker, "bob");
    const Message again = must(bob.receive(scaled(10000)));
    CHECK(again.payload() == "two");
    CHECK(again.redelivered());
}

TEST_CASE("a received message outlives its node, its connection and its broker") {
    std::vector<Message> kept;
    {
        BrokerProcess broker;
        Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
        for (int i = 0; i < 100; ++i)
            must(alice.send(Message::unicast("bob", std::to_string(i)).with_id(std::to_string(-i))));
        for (int i = 0; i < 100; ++i) kept.push_back(must(bob.receive(scaled(10000))));
    }
    for (int i = 0; i < 100; ++i) {
        CHECK(kept[static_cast<std::size_t>(i)].payload() == std::to_string(i));
        CHECK(kept[static_cast<std::size_t>(i)].id() == std::to_string(-i));
        CHECK(kept[static_cast<std::size_t>(i)].sender() == "alice");
    }
}

TEST_CASE("two threads may receive on one node, and every message goes to exactly one of them") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    constexpr int kMessages = 4000;
    std::vector<std::atomic<int>> seen(kMessages);
    std::atomic<int> total{0};
    std::vector<std::thread> readers;
    for (int t = 0; t < 2; ++t)
        readers.emplace_back([&] {
            while (total < kMessages) {
                const auto message = bob.receive(milliseconds(100));
                if (!message) continue;
                ++seen[std::stoul(std::string(message->payload()))];
                ++total;
            }
        });
    for (int i = 0; i < kMessages; ++i) must(alice.unicast("bob", std::to_string(i)));
    for (auto& reader : readers) reader.join();
    CHECK(std::all_of(seen.begin(), seen.end(), [](const std::atomic<int>& n) { return n == 1; }));
}
