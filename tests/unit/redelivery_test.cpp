// core/redelivery: a message that its readers do not acknowledge, time and again, is a dead letter in the end.
#include <doctest/doctest.h>

#include "support/core_scene.hpp"
#include "wire/dead_letter.hpp"

using namespace cast;
using namespace cast::test;

namespace {

broker::Config twice() {
    broker::Config config;
    config.max_redeliveries = 2;
    return config;
}

/// alice (client 1) sends; bob is a node; clients 2, 3, 4... read, one after the other.
struct RedeliveryScene : CoreScene {
    explicit RedeliveryScene(const broker::Config& config = twice()) : CoreScene(config) {
        create("bob");
        connect(1);
        attach(1, "alice", false);
    }
    /// A reader comes; what it is handed, then what it is told is gone.
    std::string comes() {
        connect(++reader);
        attach(reader, "bob");
        const std::string had = delivered(reader), gone = gaps(reader);
        return gone.empty() ? had : had + " (" + gone + ")";
    }
    void dies() {
        router().unreachable(reader, now, outbox);
        turn();
    }
    std::string dead() {
        std::string words;
        for (auto d = router().dead().before(~std::uint64_t{0}); d; d = router().dead().before(d->id))
            words = std::string(d->letter.reason) + " " + std::string(d->message.payload) +
                    (words.empty() ? "" : ", ") + words;
        return words;
    }
    std::uint64_t reader = 1;
};

broker::StreamRow row_of_bob(const broker::Transaction& transaction) {
    for (const broker::StreamRow& row : transaction.streams)
        if (row.owner == "bob") return row;
    FAIL("no row of bob's lane");
    return {};
}

}  // namespace

TEST_CASE("a message is handed out once and twice again, then it is a dead letter, and those behind it live") {
    RedeliveryScene s;
    s.send(1, "alice", "bob", {"poison", "b"}, {.flags = wire::kWantsDelivered});
    s.send(1, "alice", "bob", {"c"}, {.flags = wire::kWantsDelivered});
    for (int i = 0; i < 3; ++i) {
        CHECK(s.comes() == "poison b c");
        s.dies();
    }
    CHECK(s.dead().empty());
    CHECK(s.outcomes(1).empty());
    CHECK(s.comes() == "poison b c (redeliveries 1)");  // a batch comes whole; who reads it begins behind the gap
    CHECK(s.dead() == "redeliveries poison");
    const auto letter = s.router().dead().before(~std::uint64_t{0});
    CHECK(letter->letter.detail == "3 readers went without acknowledging it");
    CHECK(s.outcomes(1) == "1 delivered undeliverable");
    s.ack(s.reader);
    CHECK(s.outcomes(1) == "2 delivered ok");
    CHECK(s.state().directory.node("bob")->queued.messages() == 0);
    CHECK(s.state().usage.bytes() == 0);
}

TEST_CASE("a message alone in its batch leaves nothing behind, and is not among what was read") {
    broker::Config config = twice();
    config.history_messages = 10;
    RedeliveryScene s(config);
    s.send(1, "alice", "bob", {"poison"});
    s.send(1, "alice", "bob", {"good"});
    for (int i = 0; i < 3; ++i) s.comes(), s.dies();
    CHECK(s.comes() == "good (redeliveries 1)");
    s.ack(s.reader);
    const broker::Node& bob = *s.state().directory.node("bob");
    CHECK(bob.acknowledged == 1);
    CHECK(bob.history->messages == 1);
}

TEST_CASE("who acknowledges something begins to count anew") {
    RedeliveryScene s;
    s.send(1, "alice", "bob", {"a", "b"});
    for (int i = 0; i < 5; ++i) {
        s.comes();
        if (i == 2) s.ack(s.reader, 1);
        s.dies();
    }
    CHECK(s.dead().empty());
    s.comes();
    CHECK(s.dead() == "redeliveries b");
}

TEST_CASE("readers that went before somebody handled the message do not count against the next one") {
    broker::Config once;
    once.max_redeliveries = 1;
    RedeliveryScene s(once);
    s.send(1, "alice", "bob", {"a"});
    CHECK(s.comes() == "a");
    s.dies();
    s.connect(++s.reader);  // it had "a" and has handled it, as it says when it comes back
    wire::Attach attach;
    const std::uint64_t lane = s.state().directory.node("bob")->lanes.front()->stream.id();
    attach.nodes.push_back({wire::kReceive | wire::kAgain, "bob", {{lane, 1, 1}}});
    s.router().handle(s.reader, wire::Slice::take(wire::encode(attach)), s.now, s.outbox);
    s.turn();
    s.send(1, "alice", "bob", {"b"});
    CHECK(s.delivered(s.reader) == "b");
    s.dies();
    CHECK(s.comes() == "b");  // its second reader
    s.dies();
    CHECK(s.comes() == " (redeliveries 1)");
}

TEST_CASE("what no reader was handed is not to blame, and without the setting nothing is") {
    RedeliveryScene s;
    for (int i = 0; i < 6; ++i) s.comes(), s.dies();
    s.send(1, "alice", "bob", {"a"});
    CHECK(s.comes() == "a");
    CHECK(s.dead().empty());
    RedeliveryScene never{broker::Config()};
    never.send(1, "alice", "bob", {"a"});
    for (int i = 0; i < 50; ++i) {
        CHECK(never.comes() == "a");
        never.dies();
    }
    CHECK(never.dead().empty());
}

TEST_CASE("what expires does not make the next one guilty") {
    RedeliveryScene s;
    s.send(1, "alice", "bob", {"short"}, {.ttl_ms = 100});
    for (int i = 0; i < 3; ++i) s.comes(), s.dies();
    s.send(1, "alice", "bob", {"next"});
    s.pass(200);
    s.turn();
    s.comes();
    s.ack(s.reader);
    s.turn();
    CHECK(s.delivered(s.reader) == "next");
    CHECK(s.dead() == "expired short");
    s.dies();
    CHECK(s.comes() == "next");
    CHECK(s.dead() == "expired short");
}

TEST_CASE("a reader that comes back to what it was handed is the same, and does not count") {
    RedeliveryScene s;
    s.send(1, "alice", "bob", {"a"});
    s.comes();
    const std::uint64_t stream = s.state().directory.node("bob")->lanes[0]->stream.id();
    for (std::uint32_t attempt = 2; attempt < 9; ++attempt) {
        s.router().unreachable(attempt == 2 ? 2 : 100 + attempt - 1, s.now, s.outbox);
        s.router().handle(100 + attempt, wire::Slice::take(wire::encode(wire::Hello{2, attempt, 0, "scene"})), s.now,
                          s.outbox);
        wire::Attach m;
        m.nodes.push_back({wire::kReceive | wire::kAgain, "bob", {{stream, 0, 1}}});
        s.router().handle(100 + attempt, wire::Slice::take(wire::encode(m)), s.now, s.outbox);
        s.turn();
    }
    CHECK(s.state().directory.node("bob")->lanes[0]->delivery_attempts == 0);
    CHECK(s.dead().empty());
}

TEST_CASE("a gap is told until a reader has acknowledged it") {
    RedeliveryScene s;
    s.send(1, "alice", "bob", {"poison"});
    s.send(1, "alice", "bob", {"good"});
    for (int i = 0; i < 3; ++i) s.comes(), s.dies();
    CHECK(s.comes() == "good (redeliveries 1)");
    s.dies();
    CHECK(s.comes() == "good (redeliveries 1)");
    s.ack(s.reader, 1);
    s.dies();
    CHECK(s.comes() == "good");
    CHECK(s.state().statistics.gaps_redeliveries == 2);
}

TEST_CASE("until then readers count from before it, and the rest of its batch is not taken for gone") {
    RedeliveryScene s;
    s.send(1, "alice", "bob", {"poison", "good"}, {.ttl_ms = 60000});
    for (int i = 0; i < 4; ++i) s.comes(), s.dies();
    const broker::Lane& lane = *s.state().directory.node("bob")->lanes[0];
    CHECK(lane.cursor == 1);
    CHECK(lane.stream.gaps().given_up() == 1);
    CHECK(broker::Mailboxes::announced_cursor(lane) == 0);
    CHECK_FALSE(lane.stream.gaps().knows(1));
    s.comes();
    s.ack(s.reader, 1);
    CHECK(lane.stream.gaps().given_up() == 0);
    CHECK(broker::Mailboxes::announced_cursor(lane) == 1);
}

TEST_CASE("the only message of a mailbox can be given up, and its reader hears of it") {
    RedeliveryScene s;
    s.send(1, "alice", "bob", {"poison"});
    for (int i = 0; i < 3; ++i) s.comes(), s.dies();
    CHECK(s.comes() == " (redeliveries 1)");
    s.dies();
    CHECK(s.comes() == " (redeliveries 1)");
    s.ack(s.reader);
    s.dies();
    CHECK(s.comes().empty());
}

TEST_CASE(
    "a durable broker tells nobody before the dead letter is kept, counts over a restart, and no end of its own") {
    broker::Config config = twice();
    config.durable = true;
    RedeliveryScene s(config);
    s.send(1, "alice", "bob", {"poison"});
    for (int i = 0; i < 3; ++i) s.comes(), s.dies();
    broker::Transaction kept;
    s.router().collect(kept, s.now);
    CHECK(row_of_bob(kept).delivery_attempts == 2);  // the third reader may yet come back
    s.router().committed(kept.turn);

    s.connect(++s.reader);
    wire::Attach m;
    m.nodes.push_back({wire::kReceive, "bob", {}});
    s.router().handle(s.reader, wire::Slice::take(wire::encode(m)), s.now, s.outbox);
    s.router().close_turn();
    s.router().flush(s.now, s.outbox);
    REQUIRE(s.outbox.loads.size() == 1);  // it lies in the store by now
    const broker::StreamId stream = s.outbox.loads[0].stream;
    s.router().loaded({stream, 1, 1, false, kept.chunks.at(0).frames, {}, false}, s.now, s.outbox);
    s.outbox.loads.clear();
    s.router().close_turn();
    s.router().flush(s.now, s.outbox);
    CHECK(s.dead() == "redeliveries poison");
    const broker::Lane& lane = *s.state().directory.node("bob")->lanes[0];
    CHECK(lane.gap_pending);
    s.router().close_turn();
    s.router().flush(s.now, s.outbox);
    CHECK(lane.gap_pending);  // as long as it takes
    broker::Transaction decided;
    s.router().collect(decided, s.now);
    const broker::StreamRow row = row_of_bob(decided);
    CHECK(row.floor == 1);
    CHECK(row.delivery_attempts == 0);
    REQUIRE(row.gone.size() == 1);
    CHECK(row.gone[0].reason == wire::GapReason::redeliveries);
    s.turn();
    CHECK(s.gaps(s.reader) == "redeliveries 1");
}
