// The event loop: what answers wait for, and how the turns come to an end.
#include "server/event_loop.hpp"

#include <doctest/doctest.h>

#include "support/core_scene.hpp"

using namespace cast;
using cast::test::CoreScene;

namespace {

broker::Config with_a_store() {
    broker::Config config;
    config.durable = true;
    return config;
}

constexpr const char* kCreate = R"({"op":"node.create","name":"bob"})";

/// Turns without a store that answers, for so long.
void turn_on(CoreScene& scene, std::int64_t ms) {
    for (std::int64_t passed = 0; passed < ms && !scene.loop().stopped(); passed += 10) {
        scene.turn(false);
        scene.pass(10);
    }
}

}  // namespace

TEST_CASE("the answer to a call leaves when the store keeps what it says") {
    CoreScene s(with_a_store());
    s.store_keeps = false;
    s.connect(1);
    s.call(1, kCreate);
    s.turn();
    CHECK(s.answers(1) == "");
    broker::Transaction t;
    s.router().collect(t, s.now);
    s.router().committed(t.turn);
    s.turn();
    CHECK(s.answers(1) == "ok");
    s.turn();
    CHECK(s.answers(1) == "");
}

TEST_CASE("a node does not get the port of another one, whatever the system says is free") {
    CoreScene s;
    s.connect(1);
    s.call(1, R"({"op":"node.create","name":"bob","pick_port":true})");
    s.call(1, R"({"op":"node.create","name":"carol","pick_port":true})");
    CHECK(s.answers(1) == "ok internal");
    CHECK(s.state().directory.node("carol") == nullptr);
}

TEST_CASE("a loop that is told to stop takes in what has come, says BYE, and takes in nothing after that") {
    CoreScene s;
    s.connect(1);
    s.turn();
    s.loop().stop(broker::kSecond);
    CHECK(s.loop().stopping());
    s.call(1, kCreate);
    CHECK(s.answers(1) == "ok");
    CHECK(s.notices(1) == "bye");
    CHECK(s.loop().stopped());
    s.call(1, kCreate);
    CHECK(s.answers(1) == "");
    CHECK(s.loop().turn() == broker::kNever);
}

TEST_CASE("a store that keeps nothing is waited for, and not for longer than a second after draining") {
    CoreScene s(with_a_store());
    s.store_keeps = false;
    s.connect(1);
    s.turn();
    s.loop().stop(100 * broker::kMs);
    turn_on(s, 900);
    CHECK(!s.loop().stopped());
    CHECK(s.notices(1) == "");
    turn_on(s, 300);
    CHECK(s.notices(1) == "bye");
    CHECK(s.loop().stopped());
    CHECK(s.incomplete);
}
