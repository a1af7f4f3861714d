// What takes more than a turn: mail that ends in large numbers goes in steps, each batch whole, and nothing waits for
// it.
#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "control/digging.hpp"
#include "control/listing.hpp"
#include "support/kept_broker.hpp"

using namespace cast;
using namespace cast::test;

namespace {

/// alice (client 1) sends to bob; a turn does ten steps of long work.
struct SpreadScene : CoreScene {
    explicit SpreadScene(std::size_t steps = 10) : CoreScene(config(steps)) {
        create("bob");
        connect(1);
        attach(1, "alice", false);
    }
    static broker::Config config(std::size_t steps) {
        broker::Config c;
        c.turn_steps = steps;
        return c;
    }
    void send_many(int count, Sending how = {}) {
        for (int i = 0; i < count; ++i) send(1, "alice", "bob", {std::to_string(how.priority * 1000 + i)}, how);
    }
    /// Turns until nothing is left to be done.
    template <class Left>
    int turns_while(Left&& left) {
        int turns = 0;
        for (; left() && turns < 1000; ++turns) turn();
        return turns;
    }
    std::size_t other_bytes() { return state().directory.broadcast().stream.bytes(); }
};

/// Payloads of all letters, the oldest first.
std::vector<std::string> letters(broker::Router& router) {
    std::vector<std::string> all;
    for (auto dead = router.dead().after(0); dead; dead = router.dead().after(dead->id))
        all.emplace_back(dead->message.payload);
    return all;
}

std::vector<std::string> numbers(int first, int count) {
    std::vector<std::string> all;
    for (int i = first; i < first + count; ++i) all.push_back(std::to_string(i));
    return all;
}

}  // namespace

TEST_CASE(
    "nodes whose program does not come back vanish over several turns, those that were lost first before the others") {
    SpreadScene s;
    for (const std::uint64_t client : {2, 3}) {
        s.connect(client);
        for (int i = 0; i < 20; ++i) s.attach(client, "n" + std::to_string(client * 100 + i));
    }
    const std::size_t all = s.state().directory.nodes();
    const auto left = [&](std::uint64_t client) {
        int count = 0;
        for (int i = 0; i < 20; ++i)
            count += s.state().directory.node("n" + std::to_string(client * 100 + i)) != nullptr;
        return count;
    };
    for (const std::uint64_t client : {3, 2}) {
        s.router().unreachable(client, s.now, s.outbox);
        s.pass(10);
    }
    s.pass(s.state().config.grace_us / 1000 - 10);
    s.turn();
    CHECK((left(3) > 10 && left(3) < 20));
    CHECK(left(2) == 20);
    CHECK(s.turns_while([&] { return left(3) > 0; }) > 5);
    CHECK(left(2) == 20);
    s.pass(10);
    CHECK(s.turns_while([&] { return left(2) > 0; }) > 5);
    CHECK(s.state().orphans.empty());
    CHECK(s.state().directory.nodes() == all - 40);
}

TEST_CASE(
    "a deleted node's mail becomes letters over several turns, in order, and a new node of its name has none of it") {
    SpreadScene s;
    s.send_many(30, {.priority = 4});
    s.send_many(30, {.priority = 9});
    s.router().delete_node("bob", s.now, s.outbox);
    const broker::Node& bob = s.create("bob");
    CHECK(s.router().dead().messages() < 10);
    CHECK(bob.queued.messages() == 0);
    CHECK(s.state().usage.queued_messages() == 0);
    s.send_many(1);
    CHECK(bob.queued.messages() == 1);
    CHECK(s.turns_while([&] { return !s.state().orphaned_lanes.empty(); }) >= 6);
    std::vector<std::string> all = numbers(9000, 30), low = numbers(4000, 30);
    all.insert(all.end(), low.begin(), low.end());
    CHECK(letters(s.router()) == all);
    CHECK(bob.queued.messages() == 1);
    CHECK(s.state().usage.bytes() == bob.queued.bytes() + s.other_bytes());
}

TEST_CASE("what is purged is gone at once, and its senders are told in the turns that follow") {
    SpreadScene s;
    s.send_many(50, {.flags = wire::kWantsDelivered});
    broker::Node& bob = *s.state().directory.node("bob");
    CHECK(s.router().purge(bob, s.now, s.outbox) == 50);
    CHECK(bob.queued.messages() == 0);
    s.send_many(1);
    CHECK(bob.queued.messages() == 1);
    CHECK(s.turns_while([&] { return !s.state().orphaned_lanes.empty(); }) >= 4);
    const std::string announced = s.outcomes(1);
    CHECK(announced.find("1 delivered deleted") == 0);
    CHECK(announced.find("50 delivered deleted") != std::string::npos);
    CHECK(s.router().dead().messages() == 0);
    CHECK(s.state().usage.bytes() == bob.queued.bytes() + s.other_bytes());
}

TEST_CASE_FIXTURE(Kept,
                  "a broker that is lost amid that goes on where its store was, and each message is a letter once") {
    config.turn_steps = 7;
    CoreScene* s = &start_with_bob();
    send(1, numbers(0, 60));
    s->keep(disk);
    send(1, numbers(60, 40));
    s->keep(disk);
    s->router().delete_node("bob", s->now, s->outbox);
    for (int lives = 0; lives < 3; ++lives) {
        for (int turns = 0; turns < 3; ++turns) {
            s->turn(false);
            for (const broker::Load& load : std::exchange(s->loads, {}))
                s->router().loaded(disk.read(load), s->now, s->outbox);
        }
        broker::Transaction t;
        s->router().collect(t, s->now);
        disk.apply(t);
        CHECK_FALSE(s->state().orphaned_lanes.empty());
        s->turn(false);  // and this is lost
        s = &start();
    }
    CHECK(s->state().directory.node("bob") == nullptr);
    for (int i = 0; i < 100 && (!s->state().orphaned_lanes.empty() || s->router().dead().loading()); ++i) s->keep(disk);
    CHECK(letters(s->router()) == numbers(0, 100));
    s->keep(disk);
    CHECK(disk.chunks() == 100);
    s = &start();
    for (int i = 0; i < 100 && s->router().dead().loading(); ++i) s->keep(disk);
    CHECK(letters(s->router()) == numbers(0, 100));
}

TEST_CASE_FIXTURE(Kept, "a letter that newer ones push out before the next transaction is never written") {
    config.dead_letter_messages = 20;
    CoreScene& s = start_with_bob();
    std::uint64_t gone = 0;
    for (int wave = 0; wave < 2; ++wave) {
        for (int i = 0; i < 10; ++i) s.send(1, "alice", "bob", numbers(0, 30), {.ttl_ms = 100});
        s.pass(200);
        s.turn(false);
        broker::Transaction t;
        s.router().collect(t, s.now);
        s.router().committed(t.turn);
        CHECK(t.letters.size() == 20);
        CHECK(t.dead_letters_gone.size() == gone);
        for (const broker::StreamRow& row : t.streams) CHECK(row.kind != broker::kDeadLetterStream);
        gone = 20;
    }
    CHECK(s.router().dead().buried() == 600);
    CHECK(s.router().dead().dropped() == 580);
    CHECK(s.state().statistics.expired == 600);
}

TEST_CASE("of a large batch the letters are cut in steps, and whoever looks sees all of them") {
    SpreadScene s;
    s.send(1, "alice", "bob", numbers(0, 100), {.ttl_ms = 100});
    s.pass(200);
    s.turn();
    CHECK_FALSE(s.router().dead().settled());
    CHECK(s.router().dead().messages() == 100);
    SUBCASE("nobody looks") {
        CHECK(s.turns_while([&] { return !s.router().dead().settled(); }) >= 8);
    }
    CHECK(letters(s.router()) == numbers(0, 100));
    CHECK(s.router().dead().settled());
    CHECK(s.router().dead().buried() == 100);
}

TEST_CASE_FIXTURE(Kept, "a transaction waits some turns for the letters of a large batch, and has all of them") {
    config.turn_steps = 10;
    std::size_t count = 60;
    int least = 4, most = 8;
    SUBCASE("few enough") {}
    SUBCASE("too many to wait for") { count = 200, least = most; }
    CoreScene& s = start_with_bob();
    s.send(1, "alice", "bob", numbers(0, static_cast<int>(count)), {.ttl_ms = 100});
    s.pass(200);
    s.turn(false);
    int waits = 0;
    std::int64_t due_us = broker::kNever;
    for (; waits < 50 && !s.router().wants_transaction(s.now, due_us); ++waits) s.turn(false);
    CHECK(waits >= least);
    CHECK(waits <= most);
    CHECK(due_us == s.now.mono_us + 1);
    broker::Transaction t;
    s.router().collect(t, s.now);
    CHECK(t.letters.size() == count);
    CHECK(s.router().dead().settled());
}

TEST_CASE_FIXTURE(Kept, "what has expired in the store goes in steps, also under a reader who comes for it") {
    config.turn_steps = 10;
    CoreScene& s = start_with_bob();
    send(1, numbers(0, 200), {.ttl_ms = 1000});
    send(1, {"kept"});
    s.keep(disk);
    s.pass(2000);
    s.connect(2);
    s.attach(2, "bob");
    int turns = 0;
    for (; turns < 500 && s.state().statistics.expired < 200; ++turns) {
        const std::uint64_t before = s.state().statistics.expired;
        s.keep(disk);
        CHECK(s.state().statistics.expired <= before + 60);  // keep() takes some turns
    }
    CHECK(turns > 3);
    for (int i = 0; i < 5; ++i) s.keep(disk);
    CHECK(s.delivered(2) == "kept");
    CHECK(letters(s.router()) == numbers(0, 200));
}

TEST_CASE("what ran out of its time while a reader had it goes in steps when that one goes") {
    SpreadScene s;
    s.connect(2);
    s.attach(2, "bob");
    s.send_many(60, {.ttl_ms = 1000});
    s.turn();
    s.pass(2000);
    s.turn();
    REQUIRE(s.state().statistics.expired == 0);
    s.detach(2, "bob");
    s.turn();
    CHECK(s.state().statistics.expired <= 20);
    CHECK(s.turns_while([&] { return s.state().statistics.expired < 60; }) >= 3);
    std::vector<std::string> all = letters(s.router());
    std::sort(all.begin(), all.end());
    CHECK(all == numbers(4000, 60));  // of priority 4
    CHECK(s.state().directory.node("bob")->queued.messages() == 0);
}

TEST_CASE("that goes on although nothing else is left to be done") {
    SpreadScene s;
    s.connect(2);
    s.attach(2, "bob");
    s.send_many(60, {.ttl_ms = 1000});
    s.turn();
    s.pass(2000);
    s.turns_while([&] { return !s.state().expiry_queue.empty(); });  // the reader has all of them: each is passed over
    REQUIRE(s.state().statistics.expired == 0);
    s.detach(2, "bob");
    CHECK(s.turns_while([&] { return s.state().statistics.expired < 60; }) < 30);
    CHECK(s.state().statistics.expired == 60);
}

TEST_CASE("gap after gap is told over several turns, and what lies between comes in its place") {
    SpreadScene s;
    for (int i = 0; i < 60; ++i) s.send(1, "alice", "bob", {std::to_string(i)}, {.ttl_ms = i % 2 == 0 ? 1000u : 0u});
    s.pass(2000);
    s.turns_while([&] { return s.state().statistics.expired < 30; });
    s.connect(2);
    s.attach(2, "bob");
    std::string all, gaps;
    int turns = 0;
    for (; turns < 50 && (turns == 0 || !s.state().dirty_nodes.empty()); ++turns) {
        s.turn();
        const std::string announced = s.gaps(2), came = s.delivered(2);
        CHECK(std::count(announced.begin(), announced.end(), '1') <= 10);
        if (!came.empty()) all += (all.empty() ? "" : " ") + came;
        gaps += announced + " ";
    }
    CHECK(turns >= 8);
    CHECK(std::count(gaps.begin(), gaps.end(), '1') == 30);
    std::string odd;
    for (int i = 1; i < 60; i += 2) odd += (odd.empty() ? "" : " ") + std::to_string(i);
    CHECK(all == odd);
}

TEST_CASE("a peek that has to pass by much that has run out goes on over several turns") {
    SpreadScene s;
    s.send_many(60, {.ttl_ms = 1000});
    s.send(1, "alice", "bob", {"kept"});
    s.pass(2000);
    s.router().browser().peek({1, 1}, *s.state().directory.node("bob"), 50, s.now, s.outbox);
    CHECK(s.router().browser().ready());
    std::string shown;
    int turns = 0;
    for (; shown.empty() && turns < 50; ++turns) shown = s.browsed();
    CHECK(shown == "kept");
    CHECK(turns >= 3);
    CHECK_FALSE(s.router().browser().ready());
}

TEST_CASE("a FETCH of much that has run out is answered in parts") {
    SpreadScene s;
    ErrorCode code{};
    s.router().create_group("team", code, s.now, s.outbox);
    REQUIRE(s.router().join("bob", "team", s.now, s.outbox) == ErrorCode::ok);
    s.connect(2);
    s.attach(2, "bob");
    for (int i = 0; i < 30; ++i) s.send(1, "alice", "team", {"x"}, {.ttl_ms = 1000, .cast = wire::Cast::multicast});
    s.turn();
    s.pass(2000);
    const broker::StreamId team = s.state().directory.group("team")->stream.id();
    s.router().handle(2, wire::Slice::take(wire::encode(wire::Fetch{team, 1, 640})), s.now, s.outbox);
    s.turn();
    const std::string announced = s.gaps(2);
    CHECK(announced.starts_with("expired "));
    CHECK(std::count(announced.begin(), announced.end(), 'd') == 10);  // each counts 64 bytes
}

TEST_CASE("a group lets all of it go at once, and its memory in steps") {
    SpreadScene s;
    ErrorCode code{};
    s.router().create_group("team", code, s.now, s.outbox);
    REQUIRE(s.router().join("bob", "team", s.now, s.outbox) == ErrorCode::ok);
    for (int i = 0; i < 12000; ++i) s.send(1, "alice", "team", {"x"}, {.cast = wire::Cast::multicast});
    broker::Group& team = *s.state().directory.group("team");
    REQUIRE(team.stream.messages() == 12000);
    SUBCASE("purged") {
        CHECK(s.router().purge(team) == 12000);
        CHECK(team.stream.empty());
        CHECK(team.stream.gaps().ranges() == std::vector<broker::GoneRange>{{1, 12000, wire::GapReason::purged}});
    }
    SUBCASE("deleted") { CHECK(s.router().delete_group("team", s.now, s.outbox) == ErrorCode::ok); }
    SUBCASE("its last member goes") { s.router().delete_node("bob", s.now, s.outbox); }
    CHECK(s.state().usage.bytes() == s.other_bytes());
    CHECK(s.turns_while([&] { return !s.state().leavings.empty(); }) >= 2);
}

TEST_CASE("what expires amid a large mailbox is joined now and then, and the rest is read") {
    SpreadScene s(100000);
    s.send_many(3000);
    s.send_many(3000, {.ttl_ms = 1000});
    s.send_many(300);
    s.pass(2000);
    s.turn();
    CHECK(s.state().statistics.expired == 3000);
    const broker::Stream& mail = s.state().directory.node("bob")->lanes.at(0)->stream;
    CHECK(mail.messages() == 3300);
    CHECK(mail.batches() < 4800);
    s.connect(2);
    s.attach(2, "bob");
    std::size_t got = 0;
    std::string gaps;
    for (int i = 0; i < 20; ++i) {
        s.turn();
        const std::string some = s.delivered(2);
        got += some.empty() ? 0 : 1 + static_cast<std::size_t>(std::count(some.begin(), some.end(), ' '));
        gaps += s.gaps(2);
        s.ack(2);
    }
    CHECK(got == 3300);
    CHECK(gaps.find("lost") == std::string::npos);
    CHECK(mail.empty());
    CHECK(s.state().usage.bytes() == s.other_bytes());
}

TEST_CASE("letters are put back and thrown away in steps, and the answer comes with the last one") {
    SpreadScene s;
    broker::Listing listing(s.router());
    broker::Digging digging(s.router());
    s.create("carol");
    for (int i = 0; i < 40; ++i) s.send(1, "alice", i % 2 == 0 ? "bob" : "carol", {std::to_string(i)}, {.ttl_ms = 100});
    s.pass(200);
    s.turns_while([&] { return s.router().dead().messages() < 40; });
    nlohmann::json request{{"node", "carol"}};
    const broker::Call call{request, s.router(), listing, digging, {1, 7}, s.now, s.outbox};
    SUBCASE("put back") {
        s.router().delete_node("bob", s.now, s.outbox);
        request = nlohmann::json::object();
        CHECK(digging.begin(call, broker::Digging::Wish::requeue).deferred);
        int turns = 1;
        for (; digging.go_on(s.now, s.outbox); ++turns) s.turn();
        CHECK(turns >= 5);
        REQUIRE(s.outbox.answers.size() == 1);
        CHECK(s.outbox.answers[0].changes);
        CHECK(s.outbox.answers[0].to.request == 7);
        const auto answer = nlohmann::json::parse(s.outbox.answers[0].text);
        CHECK(answer.at("requeued") == 20);
        CHECK(answer.at("failed").size() == 20);
        CHECK(answer.at("failed").at(0).at("code") == "no_such_node");
        CHECK(s.state().directory.node("carol")->queued.messages() == 20);
    }
    SUBCASE("thrown away, of one node") {
        CHECK(digging.begin(call, broker::Digging::Wish::purge).deferred);
        while (digging.go_on(s.now, s.outbox)) s.turn();
        REQUIRE(s.outbox.answers.size() == 1);
        CHECK(nlohmann::json::parse(s.outbox.answers[0].text) == nlohmann::json{{"purged", 20}});
    }
    CHECK(s.router().dead().messages() == 20);
}
