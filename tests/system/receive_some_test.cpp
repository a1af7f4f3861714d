// Connection::receive_some: the messages of many nodes by one thread, and one descriptor for everything. A real broker,
// the real library.
#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>
#include <map>
#include <stdexcept>
#include <thread>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

namespace {

std::vector<std::string> shared_names(int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back("n" + std::to_string(i));
    return names;
}

/// "node:payload " of what comes, until there are `count`.
std::string take_shared(Connection connection, std::size_t count) {
    std::string got;
    std::size_t have = 0;
    while (have < count) {
        const auto more = connection.receive_some(
            [&got](std::string_view node, const Message& m) {
                got += std::string(node) + ":" + std::string(m.payload()) + " ";
            },
            scaled(10000));
        if (!more) return got + error_name(more.code());
        have += *more;
    }
    return got;
}

bool shows_within(int fd, int within_ms = 0) {
    pollfd admin{fd, POLLIN, 0};
    return poll(&admin, 1, within_ms) == 1;
}

}  // namespace

TEST_CASE("one thread receives for all nodes of a connection, by unicast, group and broadcast") {
    BrokerProcess broker;
    Connection c = must(Connection::open(broker.options()));
    const std::vector<std::string> names = shared_names(2000);
    std::vector<Node> nodes = must(c.attach_all(names, Queue::shared));
    Node own = must(c.attach("own"));
    Node alice = attach(broker, "alice");
    must(nodes[0].join("team"));
    must(nodes[1].join("team"));
    for (const std::string& name : names) must(alice.unicast(name, "to " + name));
    must(alice.multicast("team", "to team"));
    must(alice.unicast("own", "mine"));
    must(alice.flush(scaled(20000)));
    std::map<std::string, std::string> got;
    std::size_t count = 0;
    while (count < names.size() + 2)
        count += must(c.receive_some(
            [&](std::string_view node, const Message& m) { got[std::string(node)] += m.payload(); }, scaled(20000)));
    CHECK(count == names.size() + 2);
    for (const std::string& name : names) CHECK(got[name].starts_with("to " + name));
    CHECK(got["n0"] == "to n0to team");
    CHECK(next(own) == "mine");  // its messages are its own
    must(alice.broadcast("to all"));
    count = 0;
    while (count < names.size())
        count += must(
            c.receive_some([&](std::string_view, const Message& m) { CHECK(m.payload() == "to all"); }, scaled(20000)));
    CHECK(count == names.size());
    CHECK(next(own) == "to all");
    CHECK(c.receive_some([](std::string_view, const Message&) {}, milliseconds(0)).code() == ErrorCode::timed_out);
}

TEST_CASE("the descriptor shows messages, outcomes and notices, and nothing once they are taken") {
    BrokerProcess broker;
    Connection c = must(Connection::open(broker.options([](Options& o) { o.queue_notices = true; })));
    const int fd = c.descriptor();
    CHECK(fd == c.descriptor());
    Node bob = must(c.attach("bob", Queue::shared));
    REQUIRE(shows_within(fd, 10000));
    auto notices = c.notices();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].kind == Notice::Kind::connected);
    CHECK_FALSE(shows_within(fd));
    Node alice = attach(broker, "alice");
    for (int round = 0; round < 20; ++round) {
        must(alice.send(Message::unicast("bob", "x"), Wait::receipt));
        REQUIRE(shows_within(fd, 10000));
        CHECK(take_shared(c, 1) == "bob:x ");
        CHECK_FALSE(shows_within(fd));
    }
    must(bob.send_async(Message::unicast("bob", "y"), 1));
    CHECK(take_shared(c, 1) == "bob:y ");
    REQUIRE(eventually([&] { return c.outcomes().size() == 1; }));
    CHECK_FALSE(shows_within(fd));
    Node other = attach(broker, "bob", [](Options& o) { o.take_over = true; });
    REQUIRE(shows_within(fd, 10000));
    notices = c.notices();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].kind == Notice::Kind::taken_over);
    CHECK(notices[0].node == "bob");
    CHECK_FALSE(shows_within(fd));
    c.close();
    CHECK(shows_within(fd));
    CHECK(c.receive_some([](std::string_view, const Message&) {}, milliseconds(0)).code() == ErrorCode::closed);
}

TEST_CASE("a shared node is received from nowhere else, and one thread receives at a time") {
    BrokerProcess broker;
    Connection c = must(Connection::open(broker.options()));
    Node bob = must(c.attach("bob", Queue::shared));
    CHECK(bob.receive(milliseconds(0)).code() == ErrorCode::invalid_argument);
    CHECK(bob.receive_some([](const Message&) {}, milliseconds(0)).code() == ErrorCode::invalid_argument);
    CHECK(bob.on_message([](const Message&) {}).code() == ErrorCode::invalid_argument);
    CHECK(bob.poll_fd() == -1);
    CHECK(c.receive_some(nullptr, milliseconds(0)).code() == ErrorCode::invalid_argument);
    std::atomic<bool> within{false}, done{false};
    std::thread other([&] {
        must(c.receive_some(
            [&](std::string_view, const Message&) {
                CHECK(c.receive_some([](std::string_view, const Message&) {}, milliseconds(0)).code() ==
                      ErrorCode::invalid_argument);
                within = true;
                CHECK(eventually([&] { return done.load(); }));
            },
            scaled(10000)));
    });
    must(bob.unicast("bob", "x"));
    REQUIRE(eventually([&] { return within.load(); }));
    CHECK(c.receive_some([](std::string_view, const Message&) {}, milliseconds(0)).code() ==
          ErrorCode::invalid_argument);
    done = true;
    other.join();
}

TEST_CASE("what was handed out is acknowledged, what was thrown at comes again") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Connection c = must(Connection::open(broker.options()));
    must(admin.create_node("bob"));
    must(admin.create_node("carol"));
    std::vector<Node> nodes = must(c.attach_all({"bob", "carol"}, Queue::shared));
    Node alice = attach(broker, "alice");
    for (const char* payload : {"1", "2"}) must(alice.unicast({"bob"}, payload));
    must(alice.unicast("carol", "3"));
    must(alice.flush(scaled(10000)));
    REQUIRE(eventually([&] { return must(admin.node("carol")).queued == 1; }));
    const auto throws = [&] {
        return c.receive_some([](std::string_view, const Message&) { throw std::runtime_error("no"); }, scaled(10000));
    };
    CHECK_THROWS_AS(throws(), std::runtime_error);
    CHECK_THROWS_AS(throws(), std::runtime_error);
    const std::string got = take_shared(c, 3);
    CHECK(got.find("bob:1 ") < got.find("bob:2 "));
    CHECK(got.find("carol:3 ") != std::string::npos);
    CHECK(got.size() == std::string("bob:1 bob:2 carol:3 ").size());
    CHECK(eventually([&] { return must(admin.node("bob")).queued == 0 && must(admin.node("carol")).queued == 0; }));
}

TEST_CASE("with manual_ack a node acknowledges for itself") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    for (const char* name : {"bob", "carol"}) must(admin.create_node(name));
    Node alice = attach(broker, "alice");
    for (const char* name : {"bob", "carol"})
        for (const char* payload : {"1", "2", "3"}) must(alice.send(Message::unicast(name, payload), Wait::receipt));
    {
        Connection c = must(Connection::open(broker.options([](Options& o) { o.manual_ack = true; })));
        std::vector<Node> nodes = must(c.attach_all({"bob", "carol"}, Queue::shared));
        CHECK(take_shared(c, 6).size() == 42);
        nodes[0].ack(2);
        std::thread([&] { nodes[1].ack(); }).join();
        CHECK(eventually([&] { return must(admin.node("bob")).queued == 1 && must(admin.node("carol")).queued == 0; }));
    }
    Node bob = attach(broker, "bob");
    CHECK(next(bob) == "3");
}

TEST_CASE("nodes take turns, and may be destroyed or refuse messages within the callback") {
    BrokerProcess broker;
    Connection c = must(Connection::open(broker.options()));
    std::vector<Node> nodes = must(c.attach_all({"busy", "calm"}, Queue::shared));
    Node alice = attach(broker, "alice");
    for (int i = 0; i < 50; ++i) must(alice.send(Message::unicast("busy", "x"), Wait::receipt));  // a batch each
    must(alice.send(Message::unicast("calm", "y"), Wait::receipt));
    std::size_t before = 0;
    bool calm = false;
    REQUIRE(eventually([&] {
        (void)c.receive_some(
            [&](std::string_view node, const Message& m) {
                calm = calm || node == "calm";
                if (!calm) ++before;
                if (node == "calm") CHECK(nodes[1].nack(m, "not today").ok());
            },
            scaled(1000));
        return calm;
    }));
    CHECK(before < 50);
    CHECK(must(administer(broker).call(R"({"op":"dead.list"})")).find("not today") != std::string::npos);
    while (c.receive_some([](std::string_view, const Message&) {}, milliseconds(200))) {
    }
    for (const char* name : {"busy", "calm"})
        for (int i = 0; i < 10; ++i) must(alice.send(Message::unicast(name, "z"), Wait::receipt));
    std::map<std::string, int> got;
    must(c.receive_some(
        [&](std::string_view node, const Message&) {
            ++got[std::string(node)];
            nodes.clear();
        },
        scaled(10000)));
    CHECK(got.size() == 1);
    CHECK(got.begin()->second == 1);
    CHECK(c.receive_some([](std::string_view, const Message&) {}, milliseconds(100)).code() == ErrorCode::timed_out);
    Admin admin = administer(broker);
    CHECK(eventually([&] { return gone(admin, "busy") && gone(admin, "calm"); }));
}
