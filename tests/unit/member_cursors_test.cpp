// Where the members of a group stand, when many of them are read on one connection and the broker ends.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/kept_broker.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::test;

namespace {

/// Twelve members of a group, read on connection 2.
struct Members : Kept {
    static constexpr int kMembers = 12;
    std::vector<std::string> names;
    broker::StreamId team = 0;

    Members() {
        for (int i = 0; i < kMembers; ++i) names.push_back("m" + std::to_string(i));
    }
    void say(std::string frame) {
        scene->router().handle(2, wire::Slice::take(std::move(frame)), scene->now, scene->outbox);
    }
    void attach(std::uint8_t flags, const std::vector<wire::Position>& positions) {
        scene->connect(1);
        scene->attach(1, "alice", false);
        say(wire::encode(wire::Hello{2, static_cast<std::uint32_t>(epoch), 0, "members"}));
        wire::Attach m;
        for (const std::string& name : names) m.nodes.push_back({flags, name, positions});
        say(wire::encode(m));
        scene->turn();
    }
    void make() {
        start();
        for (const std::string& name : names) {
            scene->create(name);
            scene->router().join(name, "team", scene->now, scene->outbox);
        }
        team = scene->state().directory.group("team")->stream.id();
        attach(wire::kReceive, {});
    }
    /// The members have handled all through here; `by_name`: they count by themselves until then.
    void ack(broker::Sequence sequence, bool by_name) {
        wire::Ack m;
        m.entries.push_back({team, sequence, {}});
        if (by_name)
            for (const std::string& name : names) m.entries[0].exceptions.push_back({name, sequence});
        say(wire::encode(m));
        scene->turn();
    }
    void cast(int count) {
        for (int i = 0; i < count; ++i) scene->send(1, "alice", "team", {"x"}, {.cast = wire::Cast::multicast});
    }
    /// How many of them stand there in the store.
    int stored_at(broker::Sequence sequence) const {
        int count = 0;
        for (const auto& [key, row] : disk.members()) count += key.first == team && row.cursor == sequence ? 1 : 0;
        return count;
    }
};

}  // namespace

TEST_CASE_FIXTURE(Members, "what many members of one connection have acknowledged is stored soon") {
    make();
    cast(1);
    ack(1, true);
    scene->keep(disk);
    CHECK(stored_at(1) == kMembers);
    cast(4);
    ack(4, false);
    scene->pass(1100);
    scene->turn();
    ack(5, false);
    scene->keep(disk);
    scene->pass(1100);
    scene->turn();
    scene->keep(disk);
    CHECK(stored_at(5) == kMembers);
}

TEST_CASE_FIXTURE(
    Members, "what they say that they had before a crash is stored, and nothing of it comes again after the next one") {
    make();
    cast(1);
    ack(1, true);
    cast(4);
    scene->keep(disk);
    ack(5, false);  // and the broker is lost before that is stored
    start();
    CHECK(stored_at(1) == kMembers);
    attach(wire::kReceive | wire::kAgain | wire::kEarlier, {{team, 5, 0}});
    scene->keep(disk);
    CHECK(stored_at(5) == kMembers);
    start();
    for (const std::string& name : names) {
        broker::Node* node = scene->state().directory.node(name);
        CHECK(node->membership(*scene->state().directory.group("team"))->cursor == 5);
    }
}

TEST_CASE_FIXTURE(Members, "what they had two crashes ago counts as far as the broker between them had it") {
    make();
    cast(1);
    ack(1, true);
    cast(4);
    scene->keep(disk);
    ack(5, false);  // and the broker is lost before that is stored
    start();
    scene->keep(disk);
    start();
    attach(wire::kReceive | wire::kBefore, {{team, 7, 0}});
    scene->keep(disk);
    CHECK(stored_at(5) == kMembers);
}
