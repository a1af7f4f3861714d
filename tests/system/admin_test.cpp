// Management: nodes, groups, events, statistics, status. A real broker, the real library.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;
using nlohmann::json;

TEST_CASE("nodes are created, shown, listed and deleted") {
    BrokerProcess broker({"--http", "127.0.0.1:0"});  // who opens the ports of nodes
    Admin admin = administer(broker);
    CHECK(must(admin.nodes()).empty());
    const NodeInfo bob = must(admin.create_node("bob"));
    CHECK(bob.name == "bob");
    CHECK(bob.created);
    CHECK_FALSE(bob.attached);
    CHECK(bob.port == 0);
    must(admin.create_node("bob"));
    const NodeInfo picked = must(admin.create_node("alice", 0, true));
    CHECK(picked.port > 0);
    CHECK(must(admin.create_node("alice", 0, true)).port == picked.port);
    CHECK(must(admin.create_node("alice", picked.port)).port == picked.port);
    CHECK(admin.create_node("alice", picked.port == 4000 ? 4001 : 4000).code() == ErrorCode::already_exists);
    CHECK(admin.create_node("carol", picked.port).code() == ErrorCode::already_exists);
    CHECK(admin.create_node("carol", 70000).code() == ErrorCode::invalid_argument);
    for (const char* name : {"a/b", "", "$broker", "-x"}) CHECK_FALSE(admin.create_node(name).ok());
    const auto all = must(admin.nodes());
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "alice");
    CHECK(all[1].name == "bob");
    must(admin.delete_node("bob"));
    CHECK(admin.delete_node("bob").code() == ErrorCode::no_such_node);
    CHECK(admin.node("bob").code() == ErrorCode::no_such_node);
    CHECK(must(admin.nodes()).size() == 1);
}

TEST_CASE("a node shows who receives as it, its groups and its mailbox") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice", [](Options& o) { o.agent = "a test's agent"; });
    must(alice.join("b-team"));
    must(alice.join("a-team"));
    for (int i = 0; i < 4; ++i) must(alice.unicast("bob", "12345"));
    must(alice.flush(scaled(5000)));
    const NodeInfo bob = must(admin.node("bob")), shown = must(admin.node("alice"));
    CHECK(shown.attached);
    CHECK_FALSE(shown.created);
    CHECK(shown.agent == "a test's agent");
    CHECK(shown.sent == 4);
    CHECK(shown.groups.size() == 2);
    CHECK(bob.queued == 4);
    CHECK(bob.received == 4);
    CHECK(bob.acknowledged == 0);
    CHECK(bob.queued_bytes > 20);
    must(admin.create_node("alice"));
    CHECK(must(admin.node("alice")).created);
}

TEST_CASE("groups are created, filled, shown, listed and deleted") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    must(admin.create_group("team"));
    must(admin.create_group("team"));
    CHECK(admin.join("team", {"bob", "nobody"}).code() == ErrorCode::no_such_node);
    must(admin.join("team", {"bob"}));
    must(admin.join("other", {"bob"}));
    const GroupInfo team = must(admin.group("team"));
    CHECK(team.created);
    CHECK(team.members == std::vector<std::string>{"bob"});
    CHECK_FALSE(must(admin.group("other")).created);
    CHECK(must(admin.groups()).size() == 2);
    Node alice = attach(broker, "alice");
    must(alice.multicast("team", "x"));
    must(alice.flush(scaled(5000)));
    CHECK(must(admin.group("team")).messages == 1);
    CHECK(must(admin.group("team")).retained == 1);
    must(admin.leave("other", {"bob"}));
    CHECK(admin.group("other").code() == ErrorCode::no_such_group);
    must(admin.leave("team", {"bob"}));
    CHECK(must(admin.group("team")).members.empty());
    must(admin.delete_group("team"));
    CHECK(admin.delete_group("team").code() == ErrorCode::no_such_group);
    CHECK_FALSE(admin.create_group("$events").ok());
    CHECK_FALSE(admin.delete_group("$events").ok());
    CHECK(must(admin.groups()).empty());
}

TEST_CASE("who is made a member by somebody else gets the group's messages at once") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    must(admin.join("team", {"bob"}));
    must(alice.multicast("team", "welcome"));
    CHECK(next(bob) == "welcome");
    must(admin.leave("team", {"bob"}));
    must(admin.create_group("team"));
    must(alice.multicast("team", "without you"));
    CHECK(nothing(bob) == "");
}

TEST_CASE("presence events tell of created, online, joined, left, offline and deleted") {
    BrokerProcess broker;
    Admin admin = administer(broker), other = administer(broker);
    CHECK(admin.next_event(milliseconds(0)).code() == ErrorCode::timed_out);
    auto event = [&] {
        const auto e = admin.next_event(scaled(10000));
        if (!e) return std::string(error_name(e.code()));
        CHECK(e->time > std::chrono::system_clock::now() - std::chrono::seconds(60));
        CHECK(json::parse(e->json)["event"] == e->kind);
        return e->kind + " " + e->node + " " + e->group;
    };
    must(other.create_node("made"));
    CHECK(event() == "created made ");
    {
        Node bob = attach(broker, "bob");
        CHECK(event() == "created bob ");
        CHECK(event() == "online bob ");
        must(bob.join("team"));
        CHECK(event() == "created  team");
        CHECK(event() == "joined bob team");
        must(bob.leave("team"));
        CHECK(event() == "left bob team");
        CHECK(event() == "deleted  team");
    }
    CHECK(event() == "offline bob ");
    CHECK(event() == "deleted bob ");
    must(other.delete_node("made"));
    CHECK(event() == "deleted made ");
}

TEST_CASE("the statistics add up") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("absent"));
    {
        Admin watcher = administer(broker);
        (void)watcher.next_event(milliseconds(1));
        Node alice = attach(broker, "alice"), bob = attach(broker, "bob"), carol = attach(broker, "carol");
        must(bob.join("team"));
        must(carol.join("team"));
        CHECK(watcher.next_event(scaled(5000)));
        for (int i = 0; i < 100; ++i) must(alice.unicast("bob", "0123456789"));
        for (int i = 0; i < 20; ++i) must(alice.multicast("team", "0123456789"));
        for (int i = 0; i < 3; ++i) must(alice.broadcast("0123456789"));
        for (int i = 0; i < 5; ++i) must(alice.unicast("absent", "0123456789"));
        for (int i = 0; i < 7; ++i) must(alice.unicast("nobody", "0123456789"));
        CHECK(alice.flush(scaled(5000)).code() == ErrorCode::no_such_node);
        for (int i = 0; i < 123; ++i) CHECK(next(bob) == "0123456789");
        for (int i = 0; i < 23; ++i) CHECK(next(carol) == "0123456789");
        CHECK(nothing(bob, 20) == "");
        CHECK(nothing(carol, 20) == "");
        while (watcher.next_event(milliseconds(50))) {
        }
        // 100 + 2 x 20 + 3 to bob, carol and alice herself, who passes over hers; but not what the watcher heard
        json stats;
        CHECK(eventually([&] {
            stats = json::parse(must(admin.stats()));
            return stats["delivered"]["messages"] == 149 && stats["queued"]["messages"] == 8;
        }));
        INFO(stats.dump(1));
        CHECK(stats["messages"] == json{{"unicast", 105}, {"multicast", 20}, {"broadcast", 3}, {"total", 128}});
        CHECK(stats["bytes"]["in"] >= 1280);
        CHECK(stats["bytes"]["in"] < 2000);
        CHECK(stats["refused"] == json{{"no_such_node", 7}});
        CHECK(stats["nodes"] == json{{"known", 4}, {"attached", 3}, {"created", 1}});
        CHECK(stats["groups"] == 1);
        CHECK(stats["connections"] == 5);
        CHECK(stats["sessions"] == 5);
        CHECK(stats["per_node"]["bob"] == json{{"received", 100}, {"acknowledged", 100}, {"sent", 0}, {"queued", 0}});
        CHECK(stats["per_node"]["absent"]["queued"] == 5);
        CHECK(stats["per_node"]["alice"]["sent"] == 128);
        CHECK(stats["per_group"]["team"]["messages"] == 20);
        CHECK(stats["per_group"]["team"]["members"] == 2);
        CHECK(stats["latency_us"]["count"] > 0);
        CHECK(stats["latency_us"]["p50"] <= stats["latency_us"]["max"]);
        CHECK(stats["redelivered"] == 0);
        CHECK(stats["uptime_s"] > 0);
    }
    must(admin.delete_node("absent"));
    const json after = json::parse(must(admin.stats()));
    CHECK(after["discarded"] == 5);
    CHECK(after["queued"] == json{{"messages", 0}, {"bytes", 0}});
    CHECK(after["nodes"]["known"] == 0);
}

TEST_CASE("the status is ok, and degraded once 90 % of the memory budget are in use") {
    BrokerProcess broker({"--memory-budget", "1MiB"});
    Admin admin = administer(broker);
    must(admin.create_node("absent"));
    json status = json::parse(must(admin.status()));
    CHECK(status["status"] == "ok");
    CHECK(status["nodes"] == 1);
    Node alice = attach(broker, "alice", [](Options& o) { o.send_timeout = milliseconds(50); });
    for (int i = 0; i < 9; ++i)
        must(alice.send(Message::unicast("absent", std::string(110000, 'x')), Wait::receipt, milliseconds(20000)));
    status = json::parse(must(admin.status()));
    CHECK(status["status"] == "degraded");
    CHECK(status["reasons"].size() == 1);
    must(alice.send(Message::unicast("absent", std::string(110000, 'x')), Wait::receipt, milliseconds(20000)));
    CHECK(alice.send(Message::unicast("absent", "x"), Wait::receipt, milliseconds(20000)).code() ==
          ErrorCode::mailbox_full);
    CHECK(alice.send(Message::broadcast("x"), Wait::receipt, milliseconds(20000)).code() == ErrorCode::group_busy);
    must(admin.delete_node("absent"));
    CHECK(json::parse(must(admin.status()))["status"] == "ok");
    must(alice.send(Message::broadcast("x"), Wait::receipt, milliseconds(20000)));
}

TEST_CASE("nodes and groups beyond their configured number are too_many") {
    BrokerProcess broker({"--max-nodes", "3", "--max-groups", "2", "--max-connections", "4"});
    Admin admin = administer(broker);
    for (const char* name : {"a", "b", "c"}) must(admin.create_node(name));
    CHECK(admin.create_node("d").code() == ErrorCode::too_many);
    CHECK(Node::attach("d", broker.options()).code() == ErrorCode::too_many);
    must(admin.create_group("g1"));
    must(admin.create_group("g2"));
    CHECK(admin.create_group("g3").code() == ErrorCode::too_many);
    Node a = attach(broker, "a"), b = attach(broker, "b"), c = attach(broker, "c");
    CHECK(Admin::open(broker.options()).code() == ErrorCode::too_many);
    must(a.unicast("b", "still served"));
    CHECK(next(b) == "still served");
}
