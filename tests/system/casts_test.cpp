// The three casts, to attached and to absent nodes, and what a message carries. A real broker, the real library.
#include <doctest/doctest.h>

#include <thread>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

TEST_CASE("a unicast reaches its node, a multicast the members, a broadcast every other node") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob"), carol = attach(broker, "carol");
    must(bob.join("team"));
    must(alice.join("team"));
    must(alice.unicast("bob", "to bob"));
    CHECK(next(bob) == "to bob");
    must(alice.multicast("team", "to the team"));
    CHECK(next(bob) == "to the team");
    must(alice.broadcast("to all"));
    CHECK(next(bob) == "to all");
    CHECK(next(carol) == "to all");
    CHECK(nothing(alice) == "");
    CHECK(nothing(carol, 0) == "");
    must(alice.flush(scaled(5000)));
}

TEST_CASE("a created node that nobody is attached to gets all three casts when it next attaches") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("absent"));
    must(admin.join("team", {"absent"}));
    Node alice = attach(broker, "alice");
    for (int i = 1; i <= 3; ++i) {
        must(alice.unicast("absent", "unicast " + std::to_string(i)));
        must(alice.multicast("team", "multicast " + std::to_string(i)));
        must(alice.broadcast("broadcast " + std::to_string(i)));
    }
    must(alice.flush(scaled(5000)));
    CHECK(must(admin.node("absent")).queued == 3);
    std::vector<std::string> unicasts, multicasts, broadcasts;
    {
        Node absent = attach(broker, "absent");
        for (int i = 0; i < 9; ++i) {
            const Message message = must(absent.receive(scaled(10000)));
            INFO(message.payload());
            CHECK_FALSE(message.redelivered());
            auto& list = message.kind() == CastKind::unicast     ? unicasts
                         : message.kind() == CastKind::multicast ? multicasts
                                                                 : broadcasts;
            list.emplace_back(message.payload());
        }
        CHECK(nothing(absent) == "");
    }
    CHECK(unicasts == std::vector<std::string>{"unicast 1", "unicast 2", "unicast 3"});
    CHECK(multicasts == std::vector<std::string>{"multicast 1", "multicast 2", "multicast 3"});
    CHECK(broadcasts == std::vector<std::string>{"broadcast 1", "broadcast 2", "broadcast 3"});
    // It has acknowledged them: they do not come a second time.
    Node again = attach(broker, "absent");
    CHECK(nothing(again) == "");
}

TEST_CASE("a message carries its type, headers, id, priority and ttl, its sender, target and number") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    Message sent = Message::unicast("bob", std::string("\0\xff bytes", 8));
    sent.type("image/png")
        .header("colour", "red")
        .header("empty", "")
        .id("order 7")
        .priority(8)
        .ttl(std::chrono::minutes(1));
    const auto before = std::chrono::system_clock::now() - std::chrono::seconds(1);
    must(alice.send(sent));
    const Message got = must(bob.receive(scaled(10000)));
    CHECK(got.payload() == std::string("\0\xff bytes", 8));
    CHECK(got.type() == "image/png");
    CHECK(got.header("colour") == "red");
    CHECK(got.header("empty") == "");
    CHECK_FALSE(got.header("missing").has_value());
    CHECK(got.headers().size() == 3);
    CHECK(got.id() == "order 7");
    CHECK(got.priority() == 8);
    CHECK(got.ttl() == std::chrono::minutes(1));
    CHECK(got.kind() == CastKind::unicast);
    CHECK(got.sender() == "alice");
    CHECK(got.target() == "bob");
    CHECK(got.sequence() == 1);
    CHECK(got.arrival() > before);
    CHECK(got.arrival() < std::chrono::system_clock::now() + std::chrono::seconds(1));
    for (const char* type : {"text", "json", "binary", "file"}) {
        must(alice.send(Message::unicast("bob", "").with_type(type)));
        const Message known = must(bob.receive(scaled(10000)));
        CHECK(known.type() == type);
        CHECK(known.payload() == "");
    }
    CHECK(got.payload() == std::string("\0\xff bytes", 8));  // it lives as long as its copy
}

TEST_CASE("one send reaches several recipients, and names the first that it could not reach") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob"), carol = attach(broker, "carol");
    must(alice.send(Message::unicast({"bob", "carol", "bob"}, "both"), Wait::receipt));
    CHECK(next(bob) == "both");
    CHECK(next(bob) == "both");
    CHECK(next(carol) == "both");
    const auto refused = alice.send(Message::unicast({"bob", "nobody", "carol"}, "more"), Wait::receipt);
    CHECK(refused.code() == ErrorCode::no_such_node);
    CHECK(refused.error().detail.find("nobody") != std::string::npos);
    CHECK(next(bob) == "more");
    CHECK(next(carol) == "more");
}

TEST_CASE("messages of a higher priority overtake in a mailbox, those of one priority keep their order") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    for (int i = 0; i < 30; ++i)
        must(alice.send(Message::unicast("bob", std::to_string(i)).with_priority(i % 3 == 0 ? 9 : i % 3 == 1 ? 4 : 0)));
    must(alice.flush(scaled(5000)));
    std::string got, want;
    for (int first : {0, 1, 2})
        for (int i = first; i < 30; i += 3) want += std::to_string(i) + " ";
    // All are in the mailbox before anybody reads it.
    Node bob = attach(broker, "bob");
    REQUIRE(eventually([&] { return must(admin.node("bob")).attached; }));
    for (int i = 0; i < 30; ++i) got += next(bob) + " ";
    CHECK(got == want);
}

TEST_CASE("a higher priority that lies in the store comes before a lower one that is sent as its reader comes") {
    BrokerProcess broker({"--data"});
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    const auto number = [](const std::string& status, const std::string& key) {
        return std::stoull(status.substr(status.find("\"" + key + "\":") + key.size() + 3));
    };
    const std::string urgent(10000, 'u');  // more than what the edge holds, which is in memory
    for (int i = 0; i < 60; ++i) {
        must(alice.send(Message::unicast("bob", urgent).with_priority(9), Wait::receipt));
        REQUIRE(eventually([&] {
            const std::string status = must(admin.status());
            return number(status, "memory_bytes") < number(status, "queued_bytes");
        }));
        must(alice.send(Message::unicast("bob", "low").with_priority(0)));
        Node bob = attach(broker, "bob");
        REQUIRE(next(bob) == urgent);
        REQUIRE(next(bob) == "low");
        bob.ack();
        must(alice.flush(scaled(5000)));
    }
}

TEST_CASE("a message whose ttl runs out before anybody reads it expires, and the reader is told of the gap") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    must(alice.unicast("bob", "first"));
    must(alice.send(Message::unicast("bob", "short-lived").with_ttl(milliseconds(30))));
    must(alice.unicast("bob", "last"));
    must(alice.flush(scaled(5000)));
    REQUIRE(eventually([&] { return must(admin.node("bob")).queued == 2; }));
    std::atomic<std::size_t> gap{0};
    Node bob = attach(broker, "bob", [&](Options& o) {
        o.on_notice = [&](const Notice& n) { gap += n.kind == Notice::Kind::gap ? n.count : 0; };
    });
    CHECK(next(bob) == "first");
    CHECK(next(bob) == "last");
    CHECK(eventually([&] { return gap == 1; }));
    CHECK(must(admin.stats()).find("\"expired\":1,") != std::string::npos);
}

TEST_CASE("senders get their own group and broadcast messages only when they ask for an echo") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    must(alice.join("team"));
    must(alice.multicast("team", "silent"));
    must(alice.broadcast("silent too"));
    must(alice.send(Message::multicast("team", "echoed").with_echo(true)));
    CHECK(next(alice) == "echoed");
    must(alice.send(Message::broadcast("echoed to all").with_echo(true)));
    CHECK(next(alice) == "echoed to all");
    must(alice.unicast("alice", "a note to myself"));
    CHECK(next(alice) == "a note to myself");
}

TEST_CASE("who joins gets what is multicast from then on, who leaves gets no more") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    must(alice.join("team"));
    must(alice.multicast("team", "before"));
    must(alice.flush(scaled(5000)));
    must(bob.join("team"));
    must(bob.join("team"));
    must(alice.multicast("team", "with bob"));
    CHECK(next(bob) == "with bob");
    must(bob.leave("team"));
    must(alice.multicast("team", "without bob"));
    must(alice.flush(scaled(5000)));
    must(alice.unicast("bob", "the end"));
    CHECK(next(bob) == "the end");
    CHECK(bob.leave("no-such-group").code() == ErrorCode::no_such_group);
    CHECK(alice.join("a/b").code() == ErrorCode::invalid_name);
}

TEST_CASE("all members of a group see one same order of what several senders say") {
    BrokerProcess broker;
    constexpr int kSenders = 3, kEach = 300, kReaders = 3;
    std::vector<Node> readers;
    for (int i = 0; i < kReaders; ++i) {
        readers.push_back(attach(broker, "reader" + std::to_string(i)));
        must(readers.back().join("team"));
    }
    std::vector<std::thread> senders;
    for (int s = 0; s < kSenders; ++s)
        senders.emplace_back([&broker, s] {
            Node sender = attach(broker, "sender" + std::to_string(s));
            for (int i = 0; i < kEach; ++i) (void)sender.multicast("team", std::to_string(s) + ":" + std::to_string(i));
            CHECK(sender.flush(scaled(10000)).ok());
        });
    std::vector<std::string> orders(kReaders);
    for (int i = 0; i < kSenders * kEach; ++i)
        for (int r = 0; r < kReaders; ++r)
            orders[static_cast<std::size_t>(r)] += next(readers[static_cast<std::size_t>(r)]) + " ";
    for (auto& sender : senders) sender.join();
    CHECK(orders[0].find("timed_out") == std::string::npos);
    CHECK(orders[0] == orders[1]);
    CHECK(orders[0] == orders[2]);
}
