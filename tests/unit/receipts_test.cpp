// core/receipts: what a sender is told, and when it may be told.
#include <doctest/doctest.h>

#include "support/core_scene.hpp"

using namespace cast;
using namespace cast::test;

namespace {

struct ReceiptScene : CoreScene {
    explicit ReceiptScene(bool durable) : CoreScene(config(durable)) {
        create("bob");
        connect(1);
        attach(1, "alice", false);
    }
    static broker::Config config(bool durable) {
        broker::Config c;
        c.durable = durable;
        return c;
    }
};

}  // namespace

TEST_CASE("why a message will not be delivered is told once the turn that decided it is kept") {
    ReceiptScene s(true);
    s.send(1, "alice", "bob", {"hello"}, {.flags = wire::kWantsDelivered});
    CHECK(s.outcomes(1).empty());
    s.router().delete_node("bob", s.now, s.outbox);
    s.turn(false);
    CHECK(s.outcomes(1).empty());
    s.pass(1000);
    s.turn(false);
    CHECK(s.outcomes(1).empty());
    s.turn();
    CHECK(s.outcomes(1) == "1 delivered deleted");
    s.turn();
    CHECK(s.outcomes(1).empty());
}

TEST_CASE("a session that comes back is told no more than what is kept, and later the rest") {
    ReceiptScene s(true);
    s.send(1, "alice", "bob", {"hello"}, {.flags = wire::kWantsDelivered});
    s.router().delete_node("bob", s.now, s.outbox);
    s.turn(false);
    broker::Session& session = *s.state().sessions.session(1);
    CHECK(session.delivered.size() == 1);
    CHECK(session.delivered_sent == 0);
    broker::Transaction kept;
    s.router().collect(kept, s.now);
    REQUIRE(kept.sessions.size() == 1);
    CHECK(kept.sessions[0].delivered.size() == 1);  // with what was decided, or it would be forgotten
    s.router().committed(kept.turn);
    s.turn(false);
    CHECK(s.outcomes(1) == "1 delivered deleted");
}

TEST_CASE("that a message was read is told at once, and without a store so is everything") {
    ReceiptScene durable(true);
    durable.send(1, "alice", "bob", {"hello"}, {.flags = wire::kWantsDelivered});
    durable.connect(2);
    durable.attach(2, "bob");
    CHECK(durable.delivered(2) == "hello");
    durable.ack(2);
    CHECK(durable.outcomes(1) == "1 delivered ok");

    ReceiptScene memory(false);
    memory.send(1, "alice", "bob", {"hello"}, {.flags = wire::kWantsDelivered});
    memory.router().delete_node("bob", memory.now, memory.outbox);
    memory.turn(false);
    CHECK(memory.outcomes(1) == "1 delivered deleted");
}

TEST_CASE("who never confirms refusals is stopped, not remembered without end") {
    ReceiptScene s(false);
    const std::size_t most = 2 * wire::kRefusalsKept;
    for (std::size_t i = 0; i < most + 100; ++i) s.send(1, "alice", "nobody", {"x"});
    CHECK(s.state().sessions.session(1)->refused.size() == most);
    CHECK(s.state().sessions.session(1)->through == most);
}

TEST_CASE("a smaller window does not cost a sender what it was told it may have under way") {
    ReceiptScene s(true);
    s.store_keeps = false;
    for (int i = 0; i < 4; ++i) s.send(1, "alice", "bob", {std::string(256 << 10, 'x')});
    broker::Config config = s.router().config();
    config.sender_window = 64 << 10;
    s.router().reconfigure(config, s.outbox);
    s.send(1, "alice", "bob", {"goes on"});
    const broker::Session& session = *s.state().sessions.session(1);
    CHECK(session.unreceipted_bytes() > 1 << 20);
    CHECK(session.refused.empty());

    s.connect(3);  // who comes now is told the smaller one
    s.attach(3, "carol", false);
    for (int i = 0; i < 3; ++i) s.send(3, "carol", "bob", {std::string(60 << 10, 'x')});
    CHECK(s.state().sessions.session(3)->refused.empty());
    s.send(3, "carol", "bob", {"more than twice that"});
    REQUIRE(s.state().sessions.session(3)->refused.size() == 1);
    CHECK(s.state().sessions.session(3)->refused[0].code == ErrorCode::too_large);
}

TEST_CASE(
    "while the store fails turns without end leave no more than one word of each session, and all are told in the "
    "end") {
    ReceiptScene s(true);
    s.store_keeps = false;
    s.send(1, "alice", "bob", {"a"});
    broker::Transaction under_way;
    s.router().collect(under_way, s.now);
    s.router().store_health(false);
    for (int i = 0; i < 100; ++i) s.send(1, "alice", "bob", {"b"});
    s.connect(2);
    s.attach(2, "carol", false);
    s.send(2, "carol", "bob", {"c"});
    CHECK(s.state().uncommitted.size() == 2);
    CHECK(s.state().uncommitted.back().second.size() == 2);
    const broker::Session& session = *s.state().sessions.session(1);
    s.router().committed(under_way.turn);
    CHECK(session.committed == 1);  // what was collected, and no more
    broker::Transaction next;
    s.router().collect(next, s.now);
    s.router().committed(next.turn);
    CHECK(session.committed == 101);
    CHECK(s.state().sessions.session(2)->committed == 1);
    CHECK(s.state().uncommitted.empty());
}
