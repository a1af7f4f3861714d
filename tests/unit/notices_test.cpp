// What clients are told of their nodes and messages, with a store: once it has kept what decided that, so that no crash
// makes it untrue.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "support/kept_broker.hpp"

using namespace cast;
using namespace cast::test;

namespace {

struct NoticeScene : Kept {
    CoreScene& s;
    NoticeScene() : s(start()) {
        s.store_keeps = false;
        s.connect(1);
        s.connect(2);
    }
    /// Nothing was told before the store has it, and this then.
    void check_announced(std::uint64_t client, const std::string& words) {
        s.turn();
        CHECK(s.notices(client) == "");
        s.keep(disk);
        CHECK(s.notices(client) == words);
    }
};

}  // namespace

TEST_CASE_FIXTURE(NoticeScene, "that a node was deleted is told once that is kept") {
    s.create("bob");
    s.attach(2, "bob");
    s.keep(disk);
    s.router().delete_node("bob", s.now, s.outbox);
    check_announced(2, "deleted bob");
    CHECK(disk.nodes().empty());
}

TEST_CASE_FIXTURE(NoticeScene, "that a node was taken over is told once its new holder is kept") {
    s.attach(2, "bob");
    s.keep(disk);
    wire::Attach take;
    take.nodes.push_back({wire::kReceive | wire::kTakeOver, "bob", {}});
    s.router().handle(1, wire::Slice::take(wire::encode(take)), s.now, s.outbox);
    check_announced(2, "taken_over bob");
    CHECK(disk.nodes().at("bob").holder == 1);
}

TEST_CASE_FIXTURE(NoticeScene, "of a created node the store knows no holder, and nothing is waited for") {
    s.create("bob");
    s.attach(2, "bob");
    s.keep(disk);
    wire::Attach take;
    take.nodes.push_back({wire::kReceive | wire::kTakeOver, "bob", {}});
    s.router().handle(1, wire::Slice::take(wire::encode(take)), s.now, s.outbox);
    s.turn();
    CHECK(s.notices(2) == "taken_over bob");
}

TEST_CASE_FIXTURE(NoticeScene, "joining and leaving are told in order, once they are kept") {
    s.create("bob");
    s.attach(2, "bob");
    s.keep(disk);
    s.router().join("bob", "team", s.now, s.outbox);
    check_announced(2, "joined bob");
    s.router().leave("bob", "team", s.now, s.outbox);
    s.router().join("bob", "team", s.now, s.outbox);
    check_announced(2, "left bob joined bob");
}

TEST_CASE_FIXTURE(NoticeScene, "who lets the node go, attaches it again or goes hears nothing of before") {
    s.create("bob");
    s.attach(2, "bob");
    s.keep(disk);
    s.router().delete_node("bob", s.now, s.outbox);
    SUBCASE("attaches") {
        s.attach(2, "bob");
        check_announced(2, "");
        CHECK(s.state().directory.node("bob")->connection != nullptr);
    }
    SUBCASE("lets go") {
        s.detach(2, "bob");
        CHECK(s.notices(2) == "ok bob");
        check_announced(2, "");
    }
    SUBCASE("goes") {
        s.router().unreachable(2, s.now, s.outbox);
        check_announced(2, "");
    }
}

TEST_CASE_FIXTURE(NoticeScene, "that a message has expired is told once that is kept") {
    s.create("bob");
    s.attach(1, "alice", false);
    s.keep(disk);
    s.send(1, "alice", "bob", {"z"}, {.ttl_ms = 100, .flags = wire::kWantsDelivered});
    s.pass(200);
    s.turn();
    CHECK(s.outcomes(1).find("expired") == std::string::npos);
    s.keep(disk);
    CHECK(s.outcomes(1).find("expired") != std::string::npos);
}
