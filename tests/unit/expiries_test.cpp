// core/expiries: when batches run out of their time, and what is remembered of those that do not.
#include <doctest/doctest.h>

#include "core/expiries.hpp"
#include "support/core_scene.hpp"
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
