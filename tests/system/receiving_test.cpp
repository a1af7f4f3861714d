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

/// A thread that receives until "enough" comes. A look whether it does may be the first to receive, for a moment.
std::thread wait_for_enough(Node& node) {
    return std::thread([&node] {
        std::string got;
        do got = next(node, 60000);
        while (got == "<invalid_argument>");
        CHECK(got == "enough");
    });
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

TEST_CASE("one thread receives at a time: another one is told so at once, and every message goes to exactly one") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    constexpr int kMessages = 4000;
    std::vector<std::atomic<int>> seen(kMessages);
    std::atomic<int> total{0}, strange{0};
    std::vector<std::thread> readers;
    for (int t = 0; t < 2; ++t)
        readers.emplace_back([&] {
            while (total < kMessages) {
                const auto message = bob.receive(milliseconds(100));
                if (!message) {
                    strange += message.code() != ErrorCode::timed_out && message.code() != ErrorCode::invalid_argument;
                    std::this_thread::yield();
                    continue;
                }
                ++seen[std::stoul(std::string(message->payload()))];
                ++total;
            }
        });
    for (int i = 0; i < kMessages; ++i) must(alice.unicast("bob", std::to_string(i)));
    for (auto& reader : readers) reader.join();
    CHECK(strange == 0);
    CHECK(std::all_of(seen.begin(), seen.end(), [](const std::atomic<int>& n) { return n == 1; }));
}

TEST_CASE("ack(count) acknowledges the first of what was given out, across batches and streams, and no more") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    must(admin.join("team", {"bob"}));
    Node alice = attach(broker, "alice");
    auto manual = [](Options& o) { o.manual_ack = true; };
    auto send = [&](int from, int through) {
        for (int i = from; i <= through; ++i) must(alice.unicast("bob", std::to_string(i)));
        must(alice.flush(scaled(5000)));
    };
    send(1, 10);
    send(11, 12);
    auto take = [&](Node& bob, int from, int through) {
        for (int i = from; i <= through; ++i) CHECK(must(bob.receive(scaled(5000))).payload() == std::to_string(i));
    };
    int acknowledged = 0;
    for (const int count : {0, 1, 3, 4, 3, 1}) {  // within a batch, to its end, over it, all
        CAPTURE(acknowledged);
        CAPTURE(count);
        Node bob = attach(broker, "bob", manual);
        take(bob, acknowledged + 1, 12);
        bob.ack(static_cast<std::uint64_t>(count));
        acknowledged += count;
    }
    send(1, 10);
    {
        Node bob = attach(broker, "bob", manual);
        take(bob, 1, 6);
        bob.ack(2);
        take(bob, 7, 8);
        bob.ack(3);
    }
    Node bob = attach(broker, "bob", manual);
    take(bob, 6, 10);
    must(alice.multicast("team", "11"));
    take(bob, 11, 11);
    bob.ack(100);  // more than there is
    REQUIRE(eventually([&] { return must(admin.node("bob")).queued == 0; }));
    CHECK(bob.receive(milliseconds(0)).code() == ErrorCode::timed_out);
}

TEST_CASE("beside a receive, beside on_message and within a callback no call that receives hangs") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    const auto none_hangs = [&](const char* why) {
        CAPTURE(why);
        const auto begin = std::chrono::steady_clock::now();
        for (const Error& error : {bob.receive(scaled(60000)).error(), bob.receive(milliseconds(0)).error(),
                                   bob.receive_some([](const Message&) {}, scaled(60000)).error(),
                                   bob.on_message([](const Message&) {}).error()}) {
            CHECK(error.code == ErrorCode::invalid_argument);
            CHECK(error.detail.find(why) != std::string::npos);
        }
        bob.ack();
        CHECK(std::chrono::steady_clock::now() - begin < scaled(10000));
    };
    SUBCASE("beside another thread's") {
        std::thread waits = wait_for_enough(bob);
        REQUIRE(eventually([&] { return bob.receive(milliseconds(0)).code() == ErrorCode::invalid_argument; }));
        none_hangs("another thread receives as 'bob'");
        CHECK(bob.poll_fd() >= 0);
        must(alice.unicast("bob", "enough"));
        waits.join();
        CHECK(bob.receive(milliseconds(0)).code() == ErrorCode::timed_out);
    }
    SUBCASE("within a callback of receive_some") {
        must(alice.unicast("bob", "x"));
        must(bob.receive_some([&](const Message&) { none_hangs("within a callback"); }, scaled(10000)));
    }
    SUBCASE("beside on_message, and within its callback") {
        std::promise<void> called;
        must(bob.on_message([&](const Message&) {
            CHECK(bob.receive(scaled(60000)).code() == ErrorCode::invalid_argument);
            CHECK(bob.poll_fd() == -1);
            bob.ack();
            called.set_value();
        }));
        CHECK(bob.receive(scaled(60000)).code() == ErrorCode::invalid_argument);
        CHECK(bob.receive_some([](const Message&) {}, scaled(60000)).code() == ErrorCode::invalid_argument);
        CHECK(bob.poll_fd() == -1);
        bob.ack();
        must(alice.unicast("bob", "x"));
        REQUIRE(called.get_future().wait_for(scaled(10000)) == std::future_status::ready);
    }
    SUBCASE("there has to be something to call") {
        CHECK(bob.on_message(nullptr).code() == ErrorCode::invalid_argument);
        CHECK(bob.receive_some(nullptr, scaled(60000)).code() == ErrorCode::invalid_argument);
        CHECK(bob.receive(milliseconds(0)).code() == ErrorCode::timed_out);
    }
}

TEST_CASE("with manual_ack callbacks and other threads acknowledge what was given out") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    Node bob = attach(broker, "bob", [](Options& o) { o.manual_ack = true; });
    const auto acknowledged = [&](std::uint64_t count) {
        return eventually([&] { return must(admin.node("bob")).acknowledged == count; });
    };
    for (int i = 0; i < 3; ++i) must(alice.send(Message::unicast("bob", std::to_string(i)), Wait::receipt));
    SUBCASE("within receive_some") {
        int count = 0;
        while (count < 3)
            must(bob.receive_some(
                [&](const Message&) {
                    if (++count == 3) bob.ack();
                },
                scaled(10000)));
        CHECK(acknowledged(3));
    }
    SUBCASE("within on_message") {
        must(bob.on_message([&bob, count = 0](const Message&) mutable {
            if (++count == 3) bob.ack();
        }));
        CHECK(acknowledged(3));
    }
    SUBCASE("another thread, while one waits for more") {
        for (int i = 0; i < 3; ++i) CHECK(next(bob) == std::to_string(i));
        std::thread waits = wait_for_enough(bob);
        REQUIRE(eventually([&] { return bob.receive(milliseconds(0)).code() == ErrorCode::invalid_argument; }));
        CHECK(must(admin.node("bob")).acknowledged == 0);
        bob.ack();
        CHECK(acknowledged(3));
        must(alice.unicast("bob", "enough"));
        waits.join();
    }
    SUBCASE("another thread, while a callback runs: when it returns") {
        std::promise<void> inside, leave;
        std::atomic<int> count{0};
        must(bob.on_message([&](const Message&) {
            if (++count != 1) return;
            inside.set_value();
            leave.get_future().wait();
        }));
        REQUIRE(inside.get_future().wait_for(scaled(10000)) == std::future_status::ready);
        bob.ack();
        leave.set_value();
        CHECK(acknowledged(1));
        CHECK(eventually([&] { return count == 3; }));
        CHECK(must(admin.node("bob")).acknowledged == 1);
    }
    SUBCASE("a refused one, in a callback that receives more of them") {
        std::atomic<int> count{0};
        must(bob.on_message([&](const Message& message) {
            if (++count == 1) must(bob.nack(message, "not this one"));
        }));
        CHECK(acknowledged(1));
    }
}

TEST_CASE("what the function given to receive_some throws comes out of it, and the message comes again") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    for (int i = 0; i < 5; ++i) must(alice.unicast("bob", std::to_string(i)));  // some of them in one batch
    must(alice.flush(scaled(10000)));
    Node bob = attach(broker, "bob");
    std::vector<std::string> given;
    bool thrown = false;
    while (given.size() < 6) {
        try {
            must(bob.receive_some(
                [&](const Message& message) {
                    given.emplace_back(message.payload());
                    if (given.size() == 3) throw std::string("no");
                },
                scaled(10000)));
        } catch (const std::string& what) {
            CHECK(what == "no");
            thrown = true;
            CHECK(must(admin.node("bob")).acknowledged <= 2);
        }
    }
    CHECK(thrown);
    CHECK(given == std::vector<std::string>{"0", "1", "2", "2", "3", "4"});
    CHECK(eventually([&] { return must(admin.node("bob")).acknowledged == 5; }));
}
