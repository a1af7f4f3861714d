// core/expiries: when batches run out of their time, and what is remembered of those that do not.
#include <doctest/doctest.h>

#include "core/expiries.hpp"
#include "support/kept_broker.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::test;
using broker::Expiry;

namespace {

constexpr std::uint32_t kDay = 86400 * 1000;

/// alice (client 1) sends; client 2 reads as bob, when it is attached. Durable ones have a store that the test plays.
struct Scene : CoreScene {
    explicit Scene(bool durable = false) : CoreScene(config(durable)) {
        create("bob");
        for (const std::uint64_t client : {1, 2}) connect(client);
        attach(1, "alice", false);
    }
    static broker::Config config(bool durable) {
        broker::Config c;
        c.durable = durable;
        return c;
    }
    /// All there is goes to the store, and from memory.
    void save() {
        broker::Transaction t;
        router().collect(t, now);
        for (const broker::ChunkRow& chunk : t.chunks)
            frames.insert(frames.end(), chunk.frames.begin(), chunk.frames.end());
        router().committed(t.turn);
    }
    /// A turn, and the store's answers to what it asks for. Returns how often it was asked.
    std::size_t turn_and_load() {
        router().tick(now, outbox);
        router().committed(router().close_turn());
        router().flush(now, outbox);
        const std::vector<broker::Load> asked = outbox.loads;
        for (const broker::Load& load : asked)
            router().loaded({load.stream, load.from, frames.size(), false, frames, {}, false, load.look}, now, outbox);
        turn();
        return asked.size();
    }
    /// Client 2 attaches as bob; what the store is asked for then is in the next turn_and_load().
    void read_bob() {
        wire::Attach m;
        m.nodes.push_back({wire::kReceive, "bob", {}});
        router().handle(2, wire::Slice::take(wire::encode(m)), now, outbox);
    }
    const broker::Stream& mail() { return state().directory.node("bob")->lanes.at(0)->stream; }
    std::vector<wire::Slice> frames;
};

}  // namespace

TEST_CASE("they come in the order of their times; a sweep leaves what is held, and each once") {
    broker::Expiries all;
    CHECK(all.empty());
    CHECK(all.next_us() == broker::kNever);
    for (const std::int64_t at : {30, 10, 20, 40}) all.add({at, 1, static_cast<broker::Sequence>(at)});
    CHECK(all.next_us() == 10);
    all.add_again({15, 1, 20});
    all.sweep([](const Expiry& e) { return e.first != 30; });
    std::vector<std::int64_t> times;
    while (!all.empty()) times.push_back(all.pop().at_us);
    CHECK(times == std::vector<std::int64_t>{10, 15, 40});
}

TEST_CASE("what was read is not remembered until it would have run out, and what was not read runs out") {
    Scene s;
    s.attach(2, "bob");
    s.create("carol");
    for (const char* left : {"one", "two"}) s.send(1, "alice", "carol", {left}, {.ttl_ms = kDay});
    std::size_t most = 0;
    for (int i = 0; i < 100000; ++i) {
        s.send(1, "alice", "bob", {"x"}, {.ttl_ms = kDay});
        if (i % 100 == 99) s.ack(2);
        most = std::max(most, s.state().expiries.size());
    }
    CHECK(s.state().directory.node("bob")->queued_messages == 0);
    CHECK(most < 3000);
    s.pass(kDay + 1000);
    s.turn();
    CHECK(s.state().directory.node("carol")->queued_messages == 0);
    CHECK(s.state().statistics.expired == 2);
    CHECK(s.state().expiries.empty());
}

TEST_CASE("what a group has let go is not remembered either, and the rest is let go in time") {
    Scene s;
    s.attach(2, "bob");
    ErrorCode code{};
    s.router().create_group("team", code, s.now, s.outbox);
    REQUIRE(s.router().join("bob", "team", s.now, s.outbox) == ErrorCode::ok);
    const Sending how{.ttl_ms = kDay, .cast = wire::Cast::multicast};
    std::size_t most = 0;
    const broker::Group& team = *s.state().directory.group("team");
    for (int i = 0; i < 5000; ++i) {
        s.send(1, "alice", "team", {"x"}, how);
        wire::Ack m;
        m.entries.push_back({team.stream.id(), team.stream.last(), {{"bob", team.stream.last()}}});
        s.router().handle(2, wire::Slice::take(wire::encode(m)), s.now, s.outbox);
        most = std::max(most, s.state().expiries.size());
    }
    CHECK(most <= 2048);
    s.send(1, "alice", "team", {"last"}, how);
    CHECK(team.stream.messages() == 1);
    s.pass(kDay - 1);
    s.turn();
    s.pass(2);
    s.turn();
    CHECK(team.stream.messages() == 0);
}

TEST_CASE("mail that is read back again and again is remembered once") {
    Scene s(true);
    for (int i = 0; i < 600; ++i) s.send(1, "alice", "bob", {"x"}, {.ttl_ms = kDay});
    s.save();
    REQUIRE(s.mail().batches() == 0);
    for (int i = 0; i < 20; ++i) {
        s.read_bob();
        s.turn_and_load();
        REQUIRE(s.mail().batches() == 600);
        s.detach(2, "bob");
        s.save();
        REQUIRE(s.mail().batches() == 0);
    }
    CHECK(s.state().expiries.size() <= 2048);
    s.pass(kDay + 1000);
    s.turn_and_load();
    CHECK(s.state().directory.node("bob")->queued_messages == 0);
}

TEST_CASE("mail in the store runs out by the clock, also when that was set back before") {
    Scene s(true);
    s.send(1, "alice", "bob", {"a"}, {.ttl_ms = 1000});
    s.save();
    REQUIRE(s.mail().batches() == 0);
    s.now.wall_us -= 600000;
    s.pass(1100);
    CHECK(s.turn_and_load() == 1);
    CHECK(s.mail().messages() == 1);  // it has not come yet, says the clock
    s.pass(400);
    CHECK(s.turn_and_load() == 0);
    s.pass(200);
    CHECK(s.turn_and_load() == 1);
    CHECK(s.mail().messages() == 0);
    CHECK(s.router().dead().messages() == 1);
}

TEST_CASE("mail that was read back when the clock had been set back runs out in memory") {
    Scene s(true);
    s.send(1, "alice", "bob", {"a"}, {.ttl_ms = 1000});
    s.send(1, "alice", "bob", {"b"}, {.ttl_ms = 1000});
    s.save();
    s.pass(900);
    s.now.wall_us -= 900000;
    s.read_bob();
    s.turn_and_load();
    CHECK(s.delivered(2) == "a b");
    s.detach(2, "bob");
    REQUIRE(s.mail().batches() == 2);
    s.pass(200);
    s.state().expiries.sweep([](const Expiry&) { return true; });
    s.turn();
    CHECK(s.mail().messages() == 2);
    s.pass(900);
    s.turn();
    CHECK(s.mail().messages() == 0);
}

namespace {

/// Mail for bob in a broker that has just started: nobody has read it back.
struct Found : Kept {
    /// Each in a batch of its own, with so many ms to live; 0: for ever.
    void find(const std::vector<std::pair<const char*, std::uint32_t>>& mail, std::size_t filling = 0) {
        start();
        scene->create("bob");
        scene->connect(1);
        scene->attach(1, "alice", false);
        for (const auto& [payload, ttl_ms] : mail) {
            send(1, {payload + std::string(filling, '.')}, {.ttl_ms = ttl_ms});
            if (filling != 0) scene->keep(disk);  // a chunk each
        }
        scene->keep(disk);
        again();
    }
    void again() {
        start();
        REQUIRE(mail().batches() == 0);
    }
    /// Time passes, and what the store is asked for then is answered. Returns how often it was asked.
    std::size_t pass(std::int64_t ms) {
        scene->pass(ms);
        scene->turn(false);
        const std::size_t asked = scene->loads.size();
        scene->keep(disk);
        return asked;
    }
    const broker::Stream& mail() { return scene->state().directory.node("bob")->lanes.at(0)->stream; }
    std::size_t waiting() { return scene->state().directory.node("bob")->queued_messages; }
    std::uint64_t dead() { return scene->router().dead().messages(); }
};

}  // namespace

TEST_CASE_FIXTURE(Found, "what an earlier broker took runs out in its store without being read, each at its time") {
    find({{"a", 3000}, {"b", 0}, {"c", 1000}, {"d", 2000}, {"e", 5000}});
    CHECK(waiting() == 5);
    CHECK(pass(900) == 0);
    CHECK(pass(200) == 1);
    CHECK(waiting() == 4);
    CHECK(dead() == 1);
    CHECK(pass(100) == 0);
    CHECK(pass(900) == 1);
    CHECK(waiting() == 3);
    CHECK(pass(1000) == 1);
    CHECK(waiting() == 2);
    again();  // and the next one goes on with it
    CHECK(waiting() == 2);
    CHECK(dead() == 3);
    CHECK(pass(1700) == 0);
    CHECK(pass(200) == 1);
    CHECK(waiting() == 1);
    CHECK(dead() == 4);
    CHECK(scene->state().expiries.empty());
    scene->connect(2);
    scene->attach(2, "bob");
    scene->keep(disk);
    CHECK(scene->delivered(2) == "b");
}

TEST_CASE_FIXTURE(Found, "what ran out while no broker ran is a dead letter soon after the start") {
    find({{"a", 1000}, {"b", 0}});
    scene->pass(5000);
    start();
    CHECK(waiting() == 1);
    CHECK(dead() == 1);
    CHECK(scene->state().statistics.expired == 1);
}

TEST_CASE_FIXTURE(Found, "what was read, or had run out before, does not hide what lies behind it in its chunk") {
    find({{"a", 1000}, {"b", 2000}, {"c", 3000}, {"d", 4000}});
    CHECK(pass(1100) == 1);
    scene->connect(2);
    scene->attach(2, "bob");
    scene->keep(disk);
    CHECK(scene->delivered(2) == "b c d");
    scene->ack(2, 2);
    scene->keep(disk);
    again();
    CHECK(waiting() == 2);
    CHECK(pass(2000) == 1);
    CHECK(waiting() == 1);
    CHECK(pass(1000) == 1);
    CHECK(waiting() == 0);
    CHECK(dead() == 3);
}

TEST_CASE_FIXTURE(Found, "each chunk runs out at its own time; one without a ttl is never read") {
    find({{"a", 2000}, {"b", 0}, {"c", 1000}}, 300000);
    CHECK(pass(1100) == 1);
    CHECK(waiting() == 2);
    CHECK(pass(1000) == 1);
    CHECK(waiting() == 1);
    CHECK(dead() == 2);
    CHECK(scene->state().expiries.empty());
}

TEST_CASE_FIXTURE(Found, "what was read back is known one by one, whatever its chunk begins with") {
    find({{"a", 0}, {"b", 1000}, {"c", 2000}});
    scene->connect(2);
    scene->attach(2, "bob");
    scene->keep(disk);
    CHECK(scene->delivered(2) == "a b c");
    scene->detach(2, "bob");
    scene->turn(false);
    REQUIRE(mail().batches() == 3);
    scene->pass(1100);
    scene->turn(false);
    CHECK(waiting() == 2);
    scene->pass(1000);
    scene->turn(false);
    CHECK(waiting() == 1);
}

TEST_CASE_FIXTURE(Found, "where much has run out at once it is read little by little") {
    start();
    scene->connect(1);
    scene->attach(1, "alice", false);
    std::vector<std::string> names;
    for (int i = 0; i < 200; ++i) names.push_back("n" + std::to_string(i));
    for (const std::string& name : names) {
        scene->create(name);
        scene->send(1, "alice", name, {"x"}, {.ttl_ms = 1000});
    }
    scene->keep(disk);
    start();
    scene->pass(1100);
    scene->turn(false);
    CHECK(scene->loads.size() == 64);
    for (int i = 0; i < 4; ++i) {
        scene->keep(disk);
        scene->pass(50);
    }
    CHECK(dead() == 200);
}

TEST_CASE_FIXTURE(Found, "what is damaged is left to whoever reads it") {
    find({{"a", 1000}});
    scene->pass(1100);
    scene->turn(false);
    REQUIRE(scene->loads.size() == 1);
    broker::Loaded damaged{scene->loads[0].stream, 1, 1, true, {}, "it is damaged", true, scene->loads[0].look, 1};
    scene->loads.clear();
    scene->router().loaded(std::move(damaged), scene->now, scene->outbox);
    CHECK(pass(5000) == 0);
    CHECK(waiting() == 1);
}
