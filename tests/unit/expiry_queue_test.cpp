// core/expiries: when batches run out of their time, and what is remembered of those that do not.
#include <doctest/doctest.h>

#include <set>
#include <utility>

#include "core/stream/expiry_queue.hpp"
#include "support/kept_broker.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::test;
using broker::Expiry;

namespace {

constexpr std::uint32_t kDay = 86400 * 1000;

/// alice (client 1) sends; client 2 reads as bob, when it is attached. Durable ones have a store that the test plays.
struct ExpiryScene : CoreScene {
    explicit ExpiryScene(bool durable = false) : CoreScene(config(durable)) {
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
            router().loaded({load.stream, load.from, frames.size(), false, frames, {}, false, load.browse}, now,
                            outbox);
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
    broker::ExpiryQueue all;
    CHECK(all.empty());
    CHECK(all.next_us() == broker::kNever);
    for (const std::int64_t at : {30, 10, 20, 40}) all.add({at, 1, static_cast<broker::Sequence>(at)});
    CHECK(all.next_us() == 10);
    all.add_again({20, 1, 20});
    all.sweep([](const Expiry& e) { return e.first != 30; });
    std::vector<std::int64_t> times;
    while (!all.empty()) times.push_back(all.pop().at_us);
    CHECK(times == std::vector<std::int64_t>{10, 20, 40});
}

TEST_CASE("a sweep in steps leaves the same, and what runs out meanwhile comes in its order") {
    broker::ExpiryQueue all;
    for (broker::Sequence n = 1; n <= 1000; ++n) all.add({static_cast<std::int64_t>(n * 7919 % 1000), 1, n});
    for (broker::Sequence n = 1; n <= 1000; n += 2) all.add_again({static_cast<std::int64_t>(n * 7919 % 1000), 1, n});
    const auto held = [](const broker::Expiry& e) { return e.first % 5 != 0; };
    std::int64_t before = 0;
    int popped = 0, steps = 0;
    do {
        all.sweep(held, 10);
        for (int i = 0; i < 2; ++i, ++popped) {
            CHECK(all.next_us() >= before);
            before = all.pop().at_us;
        }
        all.add({5000 + steps++, 2, 1});
    } while (all.sweeping());
    CHECK(steps > 100);
    std::set<broker::Sequence> left;
    while (all.next_us() < 5000) {
        const broker::Expiry expiry = all.pop();
        CHECK(expiry.at_us >= before);
        before = expiry.at_us;
        CHECK(held(expiry));
        CHECK(left.insert(expiry.first).second);
    }
    CHECK(left.size() > 300);
    CHECK(all.size() == static_cast<std::size_t>(steps));
    all.sweep([](const broker::Expiry&) { return false; }, 10);
    while (all.sweeping()) all.sweep([](const broker::Expiry&) { return false; }, 10);
    CHECK(all.empty());
}

TEST_CASE("what was read is not remembered until it would have run out, and what was not read runs out") {
    ExpiryScene s;
    s.attach(2, "bob");
    s.create("carol");
    for (const char* left : {"one", "two"}) s.send(1, "alice", "carol", {left}, {.ttl_ms = kDay});
    std::size_t most = 0;
    for (int i = 0; i < 100000; ++i) {
        s.send(1, "alice", "bob", {"x"}, {.ttl_ms = kDay});
        if (i % 100 == 99) s.ack(2);
        most = std::max(most, s.state().expiry_queue.size());
    }
    CHECK(s.state().directory.node("bob")->queued.messages() == 0);
    CHECK(most < 3000);
    s.pass(kDay + 1000);
    s.turn();
    CHECK(s.state().directory.node("carol")->queued.messages() == 0);
    CHECK(s.state().statistics.expired == 2);
    for (int i = 0; i < 3; ++i) s.turn();
    CHECK(s.state().expiry_queue.empty());
}

TEST_CASE("what a group has let go is not remembered either, and the rest is let go in time") {
    ExpiryScene s;
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
        most = std::max(most, s.state().expiry_queue.size());
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
    ExpiryScene s(true);
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
    CHECK(s.state().expiry_queue.size() <= 2048);
    s.pass(kDay + 1000);
    for (int i = 0; i < 3; ++i) s.turn_and_load();
    CHECK(s.state().directory.node("bob")->queued.messages() == 0);
}

TEST_CASE("mail in the store runs out by the clock, also when that was set back before") {
    ExpiryScene s(true);
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
    ExpiryScene s(true);
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
    s.state().expiry_queue.sweep([](const Expiry&) { return true; });
    s.turn();
    CHECK(s.mail().messages() == 2);
    s.pass(900);
    s.turn();
    CHECK(s.mail().messages() == 0);
}

namespace {

/// What was sent to bob, each in a batch of its own, with so many ms to live; 0: for ever.
using Mail = std::vector<std::pair<const char*, std::uint32_t>>;

/// Mail for bob in a broker that has just started: nobody has read it back.
struct Found : Kept {
    void find(const Mail& mail) { find_chunks({mail}, 0); }
    /// With a filling of more than 3,000 bytes each of these is a chunk of its own.
    void find_chunks(const std::vector<Mail>& chunks, std::size_t filling = 100000) {
        begin();
        for (const Mail& chunk : chunks) {
            for (const auto& [payload, ttl_ms] : chunk)
                send(1, {payload + std::string(filling / chunk.size(), '.')}, {.ttl_ms = ttl_ms});
            scene->keep(disk);
        }
        again();
    }
    void begin() {
        start();
        scene->create("bob");
        scene->connect(1);
        scene->attach(1, "alice", false);
    }
    void again() {
        start();
        REQUIRE(mail().batches() == 0);
    }
    /// Time passes, and what the store is asked for then is answered. Returns how often it was asked.
    std::size_t pass(std::int64_t ms) {
        scene->pass(ms);
        std::size_t asked = 0;
        for (scene->turn(false); !scene->loads.empty(); scene->turn(false)) {
            asked += scene->loads.size();
            for (const broker::Load& load : std::exchange(scene->loads, {})) {
                broker::Loaded loaded = disk.read(load);
                for (const wire::Slice& frame : loaded.frames) bytes_read += frame.size();
                scene->router().loaded(std::move(loaded), scene->now, scene->outbox);
            }
        }
        scene->keep(disk);
        return asked;
    }
    std::size_t bytes_read = 0;
    const broker::Stream& mail() { return scene->state().directory.node("bob")->lanes.at(0)->stream; }
    std::size_t waiting() { return scene->state().directory.node("bob")->queued.messages(); }
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
    CHECK(scene->state().expiry_queue.empty());
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
    find_chunks({{{"a", 2000}}, {{"b", 0}}, {{"c", 1000}}}, 300000);
    CHECK(pass(1100) == 1);
    CHECK(waiting() == 2);
    CHECK(pass(1000) == 1);
    CHECK(waiting() == 1);
    CHECK(dead() == 2);
    CHECK(scene->state().expiry_queue.empty());
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
    CHECK(pass(0) == 200);  // with those; the others as they are answered
    CHECK(dead() == 200);
}

TEST_CASE_FIXTURE(Found, "a chunk runs out also when its first message was let go for another one's sake") {
    find_chunks({{{"a", 50000}}, {{"e", 10000}, {"f", 50000}}, {{"c", 0}}, {{"g", 10000}, {"h", 100000}}});
    pass(10100);
    CHECK(waiting() == 4);
    pass(40000);
    CHECK(waiting() == 2);
    pass(50000);
    CHECK(waiting() == 1);
    CHECK(dead() == 5);
}

TEST_CASE_FIXTURE(Found, "a message that runs out by itself costs one read, whatever lies around it") {
    begin();
    for (std::uint32_t i = 0; i < 300; ++i) {
        send(1, {std::string(300, '.')}, {.ttl_ms = 1000 + i * 7919 % 300 * 1000});
        if (i % 10 == 9) scene->keep(disk);
    }
    again();
    REQUIRE(disk.chunks() >= 30);
    std::size_t asked = 0;
    for (int i = 0; i < 301; ++i) asked += pass(1000);
    CHECK(waiting() == 0);
    CHECK(asked <= 300);
    CHECK(scene->state().expiry_queue.empty());
}

TEST_CASE_FIXTURE(Found, "what is read together keeps its own times") {
    begin();
    for (std::uint32_t i = 0; i < 40; ++i) {
        send(1, {std::string(3000, '.')}, {.ttl_ms = 10000 + 1000 * i});
        send(1, {std::string(3000, '.')}, {.ttl_ms = 1000});
        scene->keep(disk);
    }
    again();
    const std::size_t all = mail().bytes();
    pass(1100);
    CHECK(waiting() == 40);
    CHECK(bytes_read < 3 * all);  // far once, and then each chunk alone, for the time of what is left
    for (std::size_t left = 40; left > 0; --left) {
        CHECK(pass(left == 40 ? 9000 : 1000) == 1);
        CHECK(waiting() == left - 1);
    }
}

TEST_CASE_FIXTURE(Found, "what has run out before all that is kept leaves the store, and is not looked at again") {
    find_chunks({{{"a", 1000}}, {{"b", 1000}}, {{"c", 90000}}, {{"d", 1000}}});
    const std::size_t before = disk.chunks();
    pass(1100);
    CHECK(waiting() == 1);
    CHECK(disk.chunks() == before - 2 + dead());  // each dead letter has one
    again();
    CHECK(scene->state().expiry_queue.size() == 1);
    CHECK(pass(2000) == 0);
    scene->connect(2);
    scene->attach(2, "bob");
    scene->keep(disk);
    CHECK(scene->gaps(2) == "expired 2 expired 1");
}

TEST_CASE_FIXTURE(Found, "a clock that is set back makes none of it last for ever") {
    find({{"a", 10000}, {"b", 60000}});
    pass(10100);
    CHECK(waiting() == 1);
    scene->now.wall_us -= 120'000'000;
    pass(50000);
    CHECK(waiting() == 1);
    pass(60100);
    pass(60100);
    pass(60100);
    CHECK(waiting() == 0);
}

TEST_CASE_FIXTURE(Found, "a start before the clock was set looks again soon") {
    begin();
    send(1, {"a"}, {.ttl_ms = 10000});
    scene->keep(disk);
    const std::uint64_t right = scene->now.wall_us;
    scene->now.wall_us = 1000;
    again();
    scene->now.wall_us = right;
    pass(61000);
    CHECK(waiting() == 0);
}

TEST_CASE_FIXTURE(Found, "a reader who waits for what runs out meanwhile hears of it") {
    find({{"a", 1000}, {"b", 1000}});
    scene->pass(1100);
    scene->turn(false);
    REQUIRE(scene->loads.size() == 1);
    scene->connect(2);
    scene->attach(2, "bob");
    REQUIRE(scene->loads.size() == 2);
    pass(0);
    CHECK(scene->gaps(2) == "expired 2");
}

TEST_CASE_FIXTURE(Found, "what its reader has does not run out, though the store alone holds it") {
    begin();
    send(1, {"job"}, {.ttl_ms = 5000, .flags = wire::kWantsDelivered});
    scene->connect(2);
    scene->attach(2, "bob");
    scene->keep(disk);
    CHECK(scene->delivered(2) == "job");
    scene->router().unreachable(2, scene->now, scene->outbox);
    scene->keep(disk);
    REQUIRE(mail().batches() == 0);
    const wire::Hello back{2, 2, 0, "scene"};
    scene->router().handle(2, wire::Slice::take(wire::encode(back)), scene->now, scene->outbox);
    wire::Attach m;
    m.nodes.push_back({wire::kReceive | wire::kAgain, "bob", {{mail().id(), 0, 1}}});
    scene->router().handle(2, wire::Slice::take(wire::encode(m)), scene->now, scene->outbox);
    const broker::Lane& lane = *scene->state().directory.node("bob")->lanes.at(0);
    REQUIRE(lane.node->connection != nullptr);
    REQUIRE(lane.sent == 1);
    REQUIRE(lane.cursor == 0);
    pass(5100);
    CHECK(dead() == 0);
    scene->ack(2);
    pass(1000);
    CHECK(waiting() == 0);
    CHECK(dead() == 0);
    CHECK(scene->outcomes(1) == "1 delivered ok");
}

TEST_CASE("so many at once run out in several turns") {
    ExpiryScene s;
    for (int i = 0; i < 12000; ++i) s.send(1, "alice", "bob", {"x"}, {.ttl_ms = 1000});
    s.pass(1100);
    int turns = 0;
    for (std::uint64_t before = 0; s.state().statistics.expired < 12000; ++turns) {
        before = s.state().statistics.expired;
        const std::int64_t next_us = s.router().tick(s.now, s.outbox);
        if (s.state().statistics.expired < 12000) CHECK(next_us == s.now.mono_us + 1);
        REQUIRE(s.state().statistics.expired > before);
        REQUIRE(s.state().statistics.expired <= before + s.router().config().turn_steps);
        s.turn();
    }
    CHECK(turns >= 6);
    CHECK(s.router().dead().messages() == 10000);
    CHECK(s.router().dead().dropped() == 2000);
}

TEST_CASE_FIXTURE(Found, "what is damaged is left to whoever reads it") {
    find({{"a", 1000}});
    scene->pass(1100);
    scene->turn(false);
    REQUIRE(scene->loads.size() == 1);
    broker::Loaded damaged{scene->loads[0].stream, 1, 1, true, {}, "it is damaged", true, scene->loads[0].browse, 1};
    scene->loads.clear();
    scene->router().loaded(std::move(damaged), scene->now, scene->outbox);
    CHECK(pass(5000) == 0);
    CHECK(waiting() == 1);
}
