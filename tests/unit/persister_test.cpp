// core/persistence with a disk: what goes into transactions, what leaves memory and comes back, and that nothing is
// lost on the way there and back, whoever comes and goes meanwhile.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/kept_broker.hpp"
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

std::vector<std::string> numbered(const std::string& word, int count, std::size_t filling = 0) {
    std::vector<std::string> all;
    for (int i = 1; i <= count; ++i) all.push_back(word + std::to_string(i) + std::string(filling, '.'));
    return all;
}

std::size_t words(const std::string& text) {
    return text.empty() ? 0 : 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), ' '));
}

}  // namespace

TEST_CASE_FIXTURE(
    Kept, "mail behind what expired in the store survives readers that leave before it, and starts in between") {
    config.reader_window = 64 << 10;
    CoreScene* s = &start_with_bob();
    for (int chunk = 0; chunk < 10; ++chunk) {
        send(1, numbered("short-", 10, 1000), {.ttl_ms = 1000});
        s->keep(disk);
    }
    send(1, numbered("kept-", 20, 1000));
    s->keep(disk);
    s->pass(2000);
    s->keep(disk);
    CHECK(s->router().dead().messages() == 100);
    CHECK(s->state().directory.node("bob")->queued.messages() == 20);
    for (int i = 0; i < 3; ++i) {
        s = &start(i == 1);
        CHECK(s->state().directory.node("bob")->queued.messages() == 20);
        s->connect(2);
        s->attach(2, "bob");
        s->turn();
        REQUIRE(s->loads.size() == 1);  // the first piece: all of it has expired
        const broker::Load load = s->loads.back();
        s->loads.clear();
        s->detach(2, "bob");
        s->router().loaded(disk.read(load), s->now, s->outbox);
        s->keep(disk);
        CHECK(s->state().directory.node("bob")->queued.messages() == 20);
    }
    s = &start();
    s->connect(2);
    s->attach(2, "bob");
    for (int i = 0; i < 10; ++i) {
        s->keep(disk);
        s->ack(2);
    }
    CHECK(words(s->delivered(2)) == 20);
    CHECK(s->gaps(2).find("lost") == std::string::npos);
    CHECK(s->state().directory.node("bob")->queued.messages() == 0);
    CHECK(s->state().usage.bytes() == s->state().directory.broadcast().stream.bytes());
}

TEST_CASE_FIXTURE(Kept, "of more gaps than are remembered one by one, none covers a message that is kept") {
    config.mailbox_messages = config.dead_letter_messages = 10000;
    CoreScene* s = &start_with_bob();
    for (int i = 0; i < 1500; ++i) {
        s->send(1, "alice", "bob", {"short"}, {.ttl_ms = 1000});
        s->send(1, "alice", "bob", {"kept"});
        if (i % 100 == 0) s->keep(disk);
    }
    s->keep(disk);
    for (int i = 0; i < 20; ++i) {
        s->pass(1000);
        s->keep(disk);
    }
    SUBCASE("they are seen") {
        s->connect(3);
        s->router().browser().peek({3, 1}, *s->state().directory.node("bob"), 3000, s->now, s->outbox);
        s->keep(disk);
        CHECK(words(s->browsed()) == 1500);
    }
    SUBCASE("they become dead letters with their node") {
        s->router().delete_node("bob", s->now, s->outbox);
        for (int i = 0; i < 3; ++i) s->keep(disk);
        std::size_t kept = 0, expired = 0;
        for (auto dead = s->router().dead().before(~std::uint64_t{0}); dead; dead = s->router().dead().before(dead->id))
            ++(dead->message.payload == "kept" ? kept : expired);
        CHECK(kept == 1500);
        CHECK(expired == 1500);
    }
    SUBCASE("they are read, over a start, too") {
        s = &start();
        s->connect(2);
        s->attach(2, "bob");
        std::size_t got = 0;
        for (int i = 0; i < 40; ++i) {
            s->keep(disk);
            got += words(s->delivered(2));
            s->ack(2);
        }
        CHECK(got == 1500);
        CHECK(s->gaps(2).find("lost") == std::string::npos);
        CHECK(s->router().dead().messages() == 1500);
        CHECK(s->state().directory.node("bob")->queued.messages() == 0);
    }
}

TEST_CASE_FIXTURE(Kept, "of a deleted node's mail only what is damaged is let go") {
    CoreScene& s = start_with_bob();
    send(1, numbered("mail-", 3, 100000));
    s.keep(disk);
    s.router().delete_node("bob", s.now, s.outbox);
    s.turn();
    for (int tries = 0; tries < 20 && !s.state().orphaned_lanes.empty(); ++tries) {
        for (const broker::Load& load : std::exchange(s.loads, {})) {
            broker::Loaded loaded = disk.read({load.stream, load.from, 1});
            if (load.from == 2) {
                loaded.frames.clear();
                loaded.failed = loaded.corrupt = true;
                loaded.damaged = 2;
            }
            s.router().loaded(std::move(loaded), s.now, s.outbox);
        }
        s.pass(10000);
        s.turn();
    }
    s.keep(disk);
    CHECK(s.state().orphaned_lanes.empty());
    REQUIRE(s.router().dead().messages() == 2);
    CHECK(s.router().dead().before(~std::uint64_t{0})->message.payload.substr(0, 6) == "mail-3");
    CHECK(disk.chunks() == 2);  // the letters
}

TEST_CASE_FIXTURE(Kept, "mail that no reader is there for leaves memory, also when one has been there") {
    config.reader_window = 256 << 10;
    config.memory_budget = 2 << 20;
    CoreScene* s = &start();
    s->connect(1);
    s->attach(1, "alice", false);
    const std::string filling(10000, '.');
    for (int node = 0; node < 10; ++node) s->create("n" + std::to_string(node));
    for (int i = 0; i < 100; ++i) {
        for (int node = 0; node < 10; ++node) s->send(1, "alice", "n" + std::to_string(node), {filling});
        s->keep(disk);
    }
    CHECK(s->outcomes(1) == "");
    bool read_back = false;
    SUBCASE("with all of it in the store") { read_back = true; }
    SUBCASE("with nothing in the store before") { s = &start(true); }
    for (int node = 0; node < 10; ++node) {
        s->connect(10 + static_cast<std::uint64_t>(node));
        s->attach(10 + static_cast<std::uint64_t>(node), "n" + std::to_string(node));
    }
    s->keep(disk);
    CHECK((read_back || s->state().memory_bytes() > 1 << 20));
    for (int node = 0; node < 10; ++node) s->detach(10 + static_cast<std::uint64_t>(node), "n" + std::to_string(node));
    s->keep(disk);
    CHECK(s->state().memory_bytes() < 1 << 20);
}

TEST_CASE_FIXTURE(Kept,
                  "readers that acknowledge nothing leave half of the memory budget to others, and who does goes on") {
    config.memory_budget = 8 << 20;
    CoreScene* s = &start();
    s->connect(1);
    s->attach(1, "alice", false);
    const int nodes = 40;
    const auto name = [](int node) { return "n" + std::to_string(node); };
    for (int node = 0; node < nodes; ++node) s->create(name(node));
    for (int i = 0; i < 100; ++i) {
        for (int node = 0; node < nodes; ++node) s->send(1, "alice", name(node), {std::string(10000, '.')});
        s->keep(disk);
    }
    s->connect(2);
    SUBCASE("of what they find") {
        for (int node = 0; node < nodes; ++node) s->attach(2, name(node));
        s->keep(disk);
    }
    SUBCASE("of what comes while they are there") {
        for (int node = 0; node < nodes; ++node) s->attach(2, name(node));
        for (int i = 0; i < 100; ++i) {
            for (int node = 0; node < nodes; ++node) s->send(1, "alice", name(node), {std::string(10000, '.')});
            s->keep(disk);
        }
    }
    CHECK(s->outcomes(1) == "");
    CHECK(s->state().memory_bytes() > config.memory_budget / 2);
    CHECK(s->state().memory_bytes() < config.memory_budget / 2 + nodes * (64u << 10) + config.reader_window);
    // The last one is handed little at a time, and all of it.
    broker::Lane& lane = *s->state().directory.node(name(nodes - 1))->lanes[0];
    for (broker::Sequence before = 0; lane.cursor < lane.stream.last(); before = lane.cursor) {
        REQUIRE(lane.sent > before);
        REQUIRE(lane.sent <= before + 20);
        s->router().handle(2, wire::Slice::take(wire::encode(wire::Ack{{{lane.stream.id(), lane.sent, {}}}})), s->now,
                           s->outbox);
        s->keep(disk);
    }
    for (int node = 0; node < nodes; ++node) s->detach(2, name(node));
    s->keep(disk);
    CHECK(s->state().asked == 0);
    CHECK(s->state().memory_bytes() < 1 << 20);
}

TEST_CASE_FIXTURE(
    Kept, "a dead letter that the disk does not give back keeps nobody from the others, and is shown when it does") {
    CoreScene& s = start_with_bob();
    send(1, {"first", "second"}, {.ttl_ms = 100});
    s.keep(disk);
    s.pass(200);
    s.keep(disk);
    REQUIRE(s.router().dead().messages() == 2);
    config.first_stream = 900000;
    CoreScene again(config);
    again.now = s.now;
    again.restore(disk, false);
    REQUIRE(again.loads.size() == 2);
    const broker::Load unread = again.loads[0], read = again.loads[1];
    again.router().loaded(disk.read(read), again.now, again.outbox);
    for (int tries = 0; tries < 5; ++tries) {
        CHECK(again.router().dead().loading());
        again.router().loaded({unread.stream, 1, 0, true, {}, "disk I/O error", false}, again.now, again.outbox);
        again.pass(10000);
        again.turn();
    }
    CHECK_FALSE(again.router().dead().loading());
    const auto shown = again.router().dead().before(~std::uint64_t{0});
    REQUIRE(shown);
    CHECK_FALSE(again.router().dead().before(shown->id));
    CHECK(again.router().dead().messages() == 2);
    again.router().loaded(disk.read(unread), again.now, again.outbox);
    CHECK_FALSE(again.router().dead().loading());
    const auto newest = again.router().dead().before(~std::uint64_t{0});
    CHECK(again.router().dead().before(newest->id));
}

TEST_CASE_FIXTURE(Kept, "after an end in order what was handed out is known of every member, and of nothing else") {
    CoreScene* s = &start();
    s->connect(1);
    s->attach(1, "alice", false);
    s->connect(2);
    const auto names = numbered("member-", 12);  // so many that their cursors are not stored as they move
    for (const std::string& name : names) {
        s->create(name);
        s->router().join(name, "team", s->now, s->outbox);
        s->attach(2, name);
    }
    for (int i = 0; i < 10; ++i) s->send(1, "alice", "team", {"read"}, {.cast = wire::Cast::multicast});
    s->turn();
    s->keep(disk);
    wire::Ack ack{{{s->state().directory.group("team")->stream.id(), 10, {}}}};
    for (const std::string& name : names) ack.entries[0].exceptions.push_back({name, 10});
    s->router().handle(2, wire::Slice::take(wire::encode(ack)), s->now, s->outbox);
    s->keep(disk);
    s->send(1, "alice", "team", {"handed out"}, {.cast = wire::Cast::multicast});
    s->turn();
    s->router().goodbye(s->outbox);
    s->keep(disk);
    s = &start(true);
    broker::Group* team = s->state().directory.group("team");
    REQUIRE(team != nullptr);
    for (const std::string& name : names) {
        const broker::Membership* m = s->state().directory.node(name)->membership(*team);
        CHECK(m->cursor == 10);
        CHECK(m->high == 11);
    }
}

TEST_CASE_FIXTURE(Kept, "what nobody knows after a crash, nobody knows after an end in order either") {
    CoreScene* s = &start();
    s->connect(1);
    s->attach(1, "alice", false);
    s->create("bob");
    s->router().join("bob", "team", s->now, s->outbox);
    s->send(1, "alice", "bob", {"mail"});
    s->send(1, "alice", "team", {"for all"}, {.cast = wire::Cast::multicast});
    s->keep(disk);
    s->connect(2);
    s->attach(2, "bob");  // is handed both, and the crash comes before that is on the disk
    s = &start();
    s = &start(true);
    broker::Node& bob = *s->state().directory.node("bob");
    CHECK(bob.lanes.at(0)->high_sent == 1);
    CHECK(bob.membership(*s->state().directory.group("team"))->high == 1);
}

TEST_CASE_FIXTURE(Kept, "a group that comes back counts without what has expired amid it, and keeps what has not") {
    config.group_messages = 6;
    CoreScene* s = &start();
    s->connect(1);
    s->attach(1, "alice", false);
    s->create("bob");
    s->router().join("bob", "team", s->now, s->outbox);
    s->connect(2);
    s->attach(2, "bob");                   // what is read stays in memory
    const std::string filling(4000, '.');  // a chunk each
    for (const std::uint32_t ttl_ms : {0u, 0u, 0u, 1000u, 1000u, 1000u}) {
        s->send(1, "alice", "team", {filling}, {.ttl_ms = ttl_ms, .cast = wire::Cast::multicast});
        s->keep(disk);
    }
    const auto team = [&]() -> const broker::Stream& { return s->state().directory.group("team")->stream; };
    REQUIRE(team().messages() == 6);
    s->pass(1100);
    s->keep(disk);
    REQUIRE(team().messages() == 3);
    const std::size_t bytes = team().bytes();
    s = &start();
    CHECK(team().messages() == 3);
    CHECK(team().bytes() == bytes);
    s->connect(3);
    s->attach(3, "carol", false);
    for (int i = 0; i < 4; ++i) s->send(3, "carol", "team", {filling}, {.cast = wire::Cast::multicast});
    CHECK(team().messages() == 6);  // one of the oldest went for them
    CHECK(team().first_kept() == 2);
}

TEST_CASE("what came in the turn in which a group's first reader came is kept within its limits") {
    broker::Config config;
    config.group_messages = 3;
    CoreScene s(config);
    s.connect(1);
    s.attach(1, "alice", false);
    s.connect(2);
    s.attach(2, "bob");
    ErrorCode code{};
    const broker::Group& team = *s.router().create_group("team", code, s.now, s.outbox);
    for (int i = 0; i < 10; ++i) s.send(1, "alice", "team", {"x"}, {.cast = wire::Cast::multicast});
    REQUIRE(s.router().join("bob", "team", s.now, s.outbox) == ErrorCode::ok);
    s.turn();
    CHECK(team.stream.messages() <= 3);
}

TEST_CASE_FIXTURE(Kept, "a client whose session was dropped in time is not told that it would still be here") {
    config.session_us = 600 * broker::kSecond;
    start().create("bob");
    scene->keep(disk);
    CHECK(start().state().forgetful_epoch == 0);
    config.session_us = 1800 * broker::kSecond;  // raised while no broker ran
    CoreScene* s = &start();
    CHECK(s->state().forgetful_epoch == epoch - 1);
    s->create("carol");
    s->keep(disk);
    s->pass(1801 * 1000);
    s->turn();
    s->keep(disk);
    CHECK(s->state().forgetful_epoch == 0);
    CHECK(start().state().forgetful_epoch == 0);
    broker::Config longer = config;
    longer.session_us *= 2;  // raised while one runs
    scene->router().reconfigure(longer, scene->outbox);
    CHECK(scene->state().forgetful_epoch == epoch);
}

namespace {

/// bob and carol are members of team, and away; alice sends.
struct Team : Kept {
    CoreScene* s = nullptr;
    void begin() {
        s = &start();
        s->connect(1);
        s->attach(1, "alice", false);
        for (const char* name : {"bob", "carol"}) {
            s->create(name);
            s->router().join(name, "team", s->now, s->outbox);
        }
    }
    void send(const std::string& payload, std::uint32_t ttl_ms = 0) {
        s->send(1, "alice", "team", {payload}, {.ttl_ms = ttl_ms, .cast = wire::Cast::multicast});
        s->keep(disk);
    }
    const broker::Stream& team() { return s->state().directory.group("team")->stream; }
    void fetch(std::uint64_t client) {
        s->router().handle(client, wire::Slice::take(wire::encode(wire::Fetch{team().id(), 1, 1 << 20})), s->now,
                           s->outbox);
    }
};

}  // namespace

TEST_CASE_FIXTURE(Team, "a group whose members are away keeps what its limits say, message for message nearly") {
    config.group_messages = 100;
    begin();
    for (int i = 0; i < 150; ++i) {
        send(std::to_string(i));
        if (i < 100) continue;
        CHECK(team().messages() <= 100);
        CHECK(team().messages() >= 98);
    }
    CHECK(team().batches() == 0);
}

TEST_CASE_FIXTURE(Team, "a group whose members are away keeps nothing much beyond its age") {
    config.group_age_us = 600 * broker::kSecond;
    begin();
    for (int minute = 0; minute < 60; ++minute) {
        send("x");
        s->pass(60000);
        s->router().tick(s->now, s->outbox);
    }
    s->keep(disk);
    CHECK(team().messages() >= 9);
    CHECK(team().messages() <= 12);
}

TEST_CASE_FIXTURE(Team, "what a group has let expire nobody gets any more, also when the clock was set back") {
    begin();
    s->connect(2);
    s->attach(2, "bob");
    send("a");
    send("b", 1000);
    send("c");
    s->pass(1100);
    s->keep(disk);
    s->detach(2, "bob");
    s = &start();
    REQUIRE(team().batches() == 0);
    s->now.wall_us -= 3600'000'000;
    s->connect(3);
    s->attach(3, "carol");
    fetch(3);
    s->keep(disk);
    CHECK(s->delivered(3) == "a c");
    CHECK(s->gaps(3) == "expired 1");
}

TEST_CASE_FIXTURE(Team, "those who want the same from the store wait for one read") {
    begin();
    for (const char* payload : {"a", "b"}) send(payload);
    s = &start();
    std::uint64_t client = 2;
    for (const char* name : {"bob", "carol"}) {
        s->connect(client);
        s->attach(client, name);
        fetch(client++);
    }
    s->turn(false);
    CHECK(s->loads.size() == 1);
    s->keep(disk);
    CHECK(s->delivered(2) == "a b");
    CHECK(s->delivered(3) == "a b");
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
        const broker::DirtySet& u = state().dirty;
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
