// core/keeper: what goes into a transaction of sessions that came back too late.
#include <doctest/doctest.h>

#include "support/core_scene.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::test;

TEST_CASE("a session that was dropped and comes back before that is written leaves no row behind") {
    broker::Config config;
    config.durable = true;
    CoreScene s(config);
    s.create("bob");
    s.connect(1);
    s.attach(1, "alice", false);
    s.send(1, "alice", "bob", {"a"});
    broker::Transaction first;
    s.router().collect(first, s.now);
    REQUIRE(first.sessions.size() == 1);
    s.router().committed(first.turn);
    s.router().unreachable(1, s.now, s.outbox);
    s.pass(config.session_us / 1000 + 1000);
    s.turn();
    const wire::Hello again{1, 2, 1, "scene"};  // it is told that nothing is known of its past
    s.router().handle(1, wire::Slice::take(wire::encode(again)), s.now, s.outbox);
    s.turn();
    REQUIRE(s.state().sessions.session(1) != nullptr);
    broker::Transaction second;
    s.router().collect(second, s.now);
    CHECK(second.sessions.empty());
    CHECK(second.sessions_gone == std::vector<broker::SessionId>{1});
}

namespace {

struct Failing : CoreScene {
    Failing() : CoreScene(durable()) {
        create("bob");
        router().create_group("team", code, now, outbox);
        first();
        store_keeps = false;
        router().store_health(false);
    }
    static broker::Config durable() {
        broker::Config c;
        c.durable = true;
        return c;
    }
    void first() {
        broker::Transaction t;
        router().collect(t, now);
        router().committed(t.turn);
    }
    /// A client that comes, tries to send, reads under a name of its own, joins, and goes.
    void visit(std::uint64_t client, const std::string& node, const std::string& group) {
        connect(client);
        attach(client, node);
        router().create_group(group, code, now, outbox);
        router().join(node, group, now, outbox);
        send(client, node, "bob", {"x"});
        router().handle(client, wire::Slice::take(wire::encode_bye()), now, outbox);
        turn();
        router().delete_group(group, now, outbox);
        turn();
    }
    std::size_t listed() {
        const broker::Unsaved& u = state().unsaved;
        std::size_t count =
            u.streams.size() + u.sessions.size() + u.nodes.size() + u.members.size() + state().uncommitted.size();
        for (const auto& [turn, outcomes] : state().uncommitted) count += outcomes.size();
        return count;
    }
    ErrorCode code{};
};

}  // namespace

TEST_CASE("clients who come and go while the store fails leave nothing behind") {
    Failing s;
    for (std::uint64_t client = 1; client <= 10; ++client)
        s.visit(client, "n" + std::to_string(client), "g" + std::to_string(client));
    const std::size_t before = s.listed();
    for (std::uint64_t client = 11; client <= 2000; ++client)
        s.visit(client, "n" + std::to_string(client), "g" + std::to_string(client));
    CHECK(s.listed() == before);
    CHECK(before < 10);
    s.connect(3000);
    s.attach(3000, "stays");
    broker::Transaction t;
    s.router().collect(t, s.now);
    CHECK(t.nodes_gone.empty());
    CHECK(t.members_gone.empty());
    CHECK(t.streams_gone.empty());
    CHECK(t.sessions_gone.empty());
    REQUIRE(t.nodes.size() == 1);
    CHECK(t.nodes[0].name == "stays");
    CHECK(t.members.size() == 1);  // of broadcast
}

TEST_CASE("what the store knew and is gone it is told once, also when others of that name came and went since") {
    Failing s;
    s.router().store_health(true);
    s.connect(1);
    s.attach(1, "worker");
    REQUIRE(s.router().join("worker", "team", s.now, s.outbox) == ErrorCode::ok);
    s.send(1, "worker", "bob", {"x"});
    s.first();
    const broker::StreamId team = s.state().directory.group("team")->stream.id();
    s.router().handle(1, wire::Slice::take(wire::encode_bye()), s.now, s.outbox);
    s.router().delete_group("team", s.now, s.outbox);
    s.router().store_health(false);
    for (int i = 0; i < 100; ++i) s.visit(1, "worker", "team");
    broker::Transaction t;
    s.router().collect(t, s.now);
    CHECK(t.nodes_gone == std::vector<std::string>{"worker"});
    CHECK(t.sessions_gone == std::vector<broker::SessionId>{1});
    CHECK(t.members_gone.size() == 2);
    CHECK(t.streams_gone == std::vector<broker::StreamId>{team});
    CHECK(t.nodes.empty());
    CHECK(t.members.empty());
}
