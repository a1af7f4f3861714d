// Groups with very many members that are deleted: gone at once, while their members leave over several turns.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "support/kept_broker.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::test;

namespace {

/// Sixty members, of which the first thirty are read by client 2; a turn does ten steps of long work.
struct Large : Kept {
    static constexpr int kMembers = 60, kRead = 30;
    CoreScene& s;
    broker::StreamId team = 0;

    static std::string name(int i) { return "n" + std::to_string(100 + i); }
    Large() : s(begin()) {
        s.connect(2);
        for (int i = 0; i < kMembers; ++i) {
            s.create(name(i));
            REQUIRE(s.router().join(name(i), "team", s.now, s.outbox) == ErrorCode::ok);
            if (i < kRead) s.attach(2, name(i));
        }
        team = s.state().directory.group("team")->stream.id();
        s.send(1, "alice", "team", {"x"}, {.cast = wire::Cast::multicast});
        s.keep(disk);
        (void)s.notices(2);
    }
    CoreScene& begin() {
        config.turn_steps = 10;
        return start_with_bob();
    }
    /// But that of broadcast.
    std::size_t memberships(int i) { return s.state().directory.node(name(i))->memberships.size() - 1; }
    /// Members that have not left yet, or are in another group.
    std::size_t members() {
        std::size_t count = 0;
        s.state().directory.for_each_node(
            [&count](const broker::Node& node) { count += node.memberships.size() - (node.hidden ? 0 : 1); });
        return count;
    }
    /// Until so many are left.
    void pass_turns(std::size_t left) {
        for (int turns = 0; turns < 50 && members() > left; ++turns) s.keep(disk);
        CHECK(members() == left);
        CHECK(s.state().memberships == left);
    }
    std::size_t stored_members() const {
        return static_cast<std::size_t>(std::count_if(disk.members().begin(), disk.members().end(),
                                                      [this](const auto& m) { return m.first.first == team; }));
    }
};

}  // namespace

TEST_CASE_FIXTURE(Large, "a large group that is deleted is gone at once, and its members leave over several turns") {
    REQUIRE(stored_members() == kMembers);
    CHECK(s.router().delete_group("team", s.now, s.outbox) == ErrorCode::ok);
    CHECK(s.state().directory.group("team") == nullptr);
    CHECK(s.state().memberships == 0);
    CHECK(members() >= kMembers - 10);
    CHECK(s.router().delete_group("team", s.now, s.outbox) == ErrorCode::no_such_group);
    for (int turns = 0; turns < 50 && members() > 0; ++turns) {
        const std::size_t before = members();
        s.turn();
        CHECK(members() + 10 >= before);
    }
    CHECK(members() == 0);
    CHECK(s.state().usage.bytes() == s.state().directory.broadcast().stream.bytes());
    CHECK(s.state().dirty.members.empty());  // they go with the group's stream
    s.keep(disk);
    std::string announced;
    for (int i = 0; i < kRead; ++i) announced += (i > 0 ? " left " : "left ") + name(i);
    CHECK(s.notices(2) == announced);
    CHECK(stored_members() == 0);
    CHECK(disk.streams().count(team) == 0);
}

TEST_CASE_FIXTURE(Large, "a crash while members leave finds the group gone, with all of them") {
    s.router().delete_group("team", s.now, s.outbox);
    s.turn(false);
    broker::Transaction t;
    s.router().collect(t, s.now);
    disk.apply(t);
    CoreScene& next = start();
    CHECK(next.state().directory.group("team") == nullptr);
    CHECK(next.state().memberships == 0);
}

TEST_CASE_FIXTURE(Large, "nobody sees a membership of a group that is deleted, though its node has not left yet") {
    s.router().delete_group("team", s.now, s.outbox);
    const int late = kMembers - 1, read = kRead - 1;
    REQUIRE(memberships(late) == 1);
    REQUIRE(memberships(read) == 1);
    SUBCASE("not who attaches") {
        s.connect(3);
        s.attach(3, name(late));
        CHECK(memberships(late) == 0);
        s.keep(disk);
        CHECK(s.notices(3).empty());
    }
    SUBCASE("not who joins another group of that name") {
        REQUIRE(s.router().join(name(read), "team", s.now, s.outbox) == ErrorCode::ok);
        REQUIRE(memberships(read) == 1);
        CHECK(s.state().directory.node(name(read))->membership(*s.state().directory.group("team")) != nullptr);
        pass_turns(1);
        const std::string announced = s.notices(2);
        CHECK(announced.find("joined " + name(read)) > announced.find("left " + name(read)));
        CHECK(s.state().directory.group("team")->member_count == 1);
    }
    SUBCASE("not who asks for what it has, or says how far it has read") {
        wire::Ack ack;
        ack.entries.push_back({team, 1, {}});
        s.router().handle(2, wire::Slice::take(wire::encode(ack)), s.now, s.outbox);
        s.router().handle(2, wire::Slice::take(wire::encode(wire::Fetch{team, 1, 1000})), s.now, s.outbox);
        s.keep(disk);
        CHECK(s.gaps(2).empty());
        CHECK(disk.streams().count(team) == 0);
    }
    SUBCASE("and a node that is deleted meanwhile is missed by nobody") {
        s.router().delete_node(name(late), s.now, s.outbox);
        pass_turns(0);
    }
    SUBCASE("nor a connection that is cut") {
        s.router().unreachable(2, s.now, s.outbox);
        pass_turns(0);
    }
}
