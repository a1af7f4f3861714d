// Request and reply. A real broker, the real library.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

using Clock = std::chrono::steady_clock;

TEST_CASE("a request is answered by the node that it went to") {
    BrokerProcess broker;
    Node client = attach(broker, "client"), server = attach(broker, "server");
    must(server.on_message([&](const Message& m) {
        CHECK(m.sender() == "client");
        (void)server.reply(
            m, Message::unicast("", "answer to " + std::string(m.payload())).with_type("json").with_header("k", "v"));
    }));
    for (int i = 0; i < 50; ++i) {
        const Message answer = must(client.request("server", "question " + std::to_string(i), scaled(10000)));
        REQUIRE(answer.payload() == "answer to question " + std::to_string(i));
        REQUIRE(answer.type() == "json");
        REQUIRE(answer.header("k") == "v");
        REQUIRE(answer.sender() == "server");
    }
    CHECK(nothing(client) == "");  // answers do not come as messages
}

TEST_CASE("a request to an unknown node fails at once, one to an absent node as the caller chooses") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("absent"));
    Node client = attach(broker, "client");
    const auto begin = Clock::now();
    CHECK(client.request("nobody", "?", scaled(20000)).code() == ErrorCode::no_such_node);
    CHECK(client.request(Message::unicast("absent", "?").with_attached_only(true), scaled(20000)).code() ==
          ErrorCode::node_absent);
    CHECK(Clock::now() - begin < scaled(2000));
    CHECK(client.request("absent", "?", milliseconds(100)).code() == ErrorCode::timed_out);
    CHECK(client.request(Message::broadcast("?"), milliseconds(100)).code() == ErrorCode::invalid_argument);
    CHECK(client.request("absent", "?", milliseconds(0)).code() == ErrorCode::invalid_argument);
}

TEST_CASE("a request that nobody answers times out, and expires in the mailbox with its time-out") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("absent"));
    Node client = attach(broker, "client");
    const auto begin = Clock::now();
    CHECK(client.request("absent", "?", milliseconds(150)).code() == ErrorCode::timed_out);
    CHECK(Clock::now() - begin >= milliseconds(149));
    CHECK(Clock::now() - begin < milliseconds(150) + scaled(2000));
    CHECK(eventually([&] { return must(admin.node("absent")).queued == 0; }));
}

TEST_CASE("many threads ask over one node at the same time, and each gets its own answer") {
    BrokerProcess broker;
    Node client = attach(broker, "client"), server = attach(broker, "server");
    must(server.on_message([&](const Message& m) { (void)server.reply(m, m.payload()); }));
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 60; ++i) {
                const std::string question = std::to_string(t) + "." + std::to_string(i);
                const auto answer = client.request("server", question, scaled(10000));
                good += answer && answer->payload() == question ? 1 : 0;
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(good == 360);
}

TEST_CASE("an answer that comes after the time-out disturbs no later request") {
    BrokerProcess broker;
    Node client = attach(broker, "client"), server = attach(broker, "server");
    CHECK(client.request("server", "slow", milliseconds(200)).code() == ErrorCode::timed_out);
    must(client.unicast("server", "no request"));
    const Message late = must(server.receive(scaled(10000)));
    if (late.payload() == "slow") must(server.reply(late, "too late"));
    std::thread answering([&] {
        for (;;) {
            const auto m = server.receive(scaled(10000));
            if (!m) break;
            if (!m->header("reply-to")) continue;
            (void)server.reply(*m, "right");
            break;
        }
    });
    const auto answer = client.request("server", "fast", scaled(10000));
    answering.join();
    REQUIRE(answer.ok());
    CHECK(answer->payload() == "right");
    CHECK(server.reply(Message::unicast("x", "y"), "z").code() == ErrorCode::invalid_argument);
}
