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
