// broker/core/scheduled.hpp: what waits for its time, through the router: due and not before, refused, canceled, and
// kept.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "core/router.hpp"
#include "wire/record.hpp"

using namespace broker;
using namespace cast::wire;
using cast::ErrorCode;

namespace {

constexpr std::uint64_t kWall = 1'700'000'000'000'000;

/// A router, a client on connection 1 that sends as "alice", and the time. What is said to the store is read back by
/// hand.
struct Bench {
    Router router;
    Outbox outbox;
    Now now{1'000'000, kWall};
    std::uint64_t number = 0;

    explicit Bench(Config config = {}) : router(config) {}

    void hello() {
        say(encode(Hello{77, 1, 0, "test"}));
        Attach attach;
        attach.nodes.push_back({0, "alice", {}});
        say(encode(attach));
    }
    void say(std::string frame) { router.handle(1, Slice::take(std::move(frame)), now, outbox); }
    void create(const char* name) {
        ErrorCode code{};
        REQUIRE(router.create_node(name, code, now, outbox) != nullptr);
    }
    /// Sends one record that is due then; answers its outcome.
    ErrorCode send(Cast cast, std::string_view to, std::uint64_t due_us, std::string_view payload,
                   std::uint8_t flags = kScheduled, std::uint32_t ttl_ms = 0) {
        std::string frame;
        begin_frame(frame, Verb::cast);
        BatchHeader h;
        h.cast = cast;
        h.session = 77;
        h.arrival_us = due_us;
        h.ttl_ms = ttl_ms;
        h.target = to;
        h.sender = "alice";
        begin_batch(frame, h);
        append_record(frame, "text", {}, payload);
        seal_batch(frame, kFrameHeader, ++number, 1, flags);
        say(std::move(frame));
        const Session& session = *router.state().sessions.session(77);
        REQUIRE(session.through == number);
        return session.refused.empty() || session.refused.back().number != number ? ErrorCode::ok
                                                                                  : session.refused.back().code;
    }
    std::int64_t turn(std::int64_t ms = 0) {
        now.mono_us += ms * kMs;
        now.wall_us += static_cast<std::uint64_t>(ms * kMs);
        const std::int64_t due = router.tick(now, outbox);
        router.committed(router.close_turn());
        router.flush(now, outbox);
        return due;
    }
    std::string mail(std::string_view name) {
        std::string all;
        for (const auto& lane : router.state().directory.node(name)->lanes)
            for (std::size_t i = 0; i < lane->stream.batches(); ++i) {
                const auto batch = read_batch(lane->stream[i].frame.view().substr(kFrameHeader));
                CHECK((batch->header.flags & kScheduled) == 0);
                Reader in(batch->records);
                all += std::string(read_record(in)->payload) + " ";
            }
        return all;
    }
    std::size_t waiting() { return router.scheduled().messages(); }
};

}  // namespace

TEST_CASE("a batch waits for its time, and goes then, in the order of times") {
    Bench b;
    b.hello();
    b.create("bob");
    CHECK(b.send(Cast::unicast, "bob", 300 * 1000, "third") == ErrorCode::ok);
    CHECK(b.send(Cast::unicast, "bob", kWall + 100'000, "first") == ErrorCode::ok);
    CHECK(b.send(Cast::unicast, "bob", kWall + 200'000, "second") == ErrorCode::ok);
    CHECK(b.send(Cast::unicast, "bob", kWall - 5, "past") == ErrorCode::ok);
    CHECK(b.send(Cast::unicast, "bob", 0, "now", 0) == ErrorCode::ok);
    CHECK(b.turn() == b.now.mono_us + 100'000);
    CHECK(b.mail("bob") == "now past ");
    CHECK(b.waiting() == 3);
    b.turn(99);
    CHECK(b.mail("bob") == "now past ");
    b.turn(1);
    CHECK(b.mail("bob") == "now past first ");
    b.turn(200);
    CHECK(b.mail("bob") == "now past first second third ");
    CHECK(b.waiting() == 0);
    CHECK(b.router.scheduled().bytes() == 0);
}

TEST_CASE("a clock that is set makes no difference to the monotonic timer, and all to what is due") {
    Bench b;
    b.hello();
    b.create("bob");
    b.send(Cast::unicast, "bob", kWall + 3'600'000'000, "in an hour");
    b.turn(1000);
    CHECK(b.waiting() == 1);
    b.now.wall_us += 3'600'000'000;
    b.turn();
    CHECK(b.mail("bob") == "in an hour ");
}

TEST_CASE("steps of the wall clock move nothing that was sent with a delay") {
    constexpr std::uint64_t kHour = 3'600'000'000;
    Bench b;
    b.hello();
    b.create("bob");
    const auto due_us = [&] {
        std::uint64_t due = 0;
        b.router.scheduled().for_each(
            b.now, [&](Sequence, const ScheduledBatch& entry) { return (due = entry.due_by(b.now)) == 0; });
        return due;
    };
    SUBCASE("ahead") {
        b.send(Cast::unicast, "bob", 10'000'000, "x");
        b.now.wall_us += kHour;
        CHECK(due_us() == b.now.wall_us + 10'000'000);
    }
    SUBCASE("back") {
        b.send(Cast::unicast, "bob", 10'000'000, "x");
        b.now.wall_us -= kHour;
        CHECK(due_us() == b.now.wall_us + 10'000'000);
    }
    SUBCASE("and it was wrong just when it came") {
        b.now.wall_us += 1000 * kHour;
        b.send(Cast::unicast, "bob", 10'000'000, "x");
        b.now.wall_us -= 1000 * kHour;
    }
    b.turn();
    b.turn(9'999);
    CHECK(b.mail("bob").empty());
    b.turn(1);
    CHECK(b.mail("bob") == "x ");
}

TEST_CASE("delays and times that are over go in the order in which they were over") {
    Bench b;
    b.hello();
    b.create("bob");
    b.send(Cast::unicast, "bob", 300'000, "third");
    b.send(Cast::unicast, "bob", kWall + 400'000, "fourth");
    b.send(Cast::unicast, "bob", kWall + 200'000, "second");
    b.send(Cast::unicast, "bob", 100'000, "first");
    std::string listed;
    b.router.scheduled().for_each(b.now, [&](Sequence id, const ScheduledBatch&) {
        listed += std::to_string(id);
        return true;
    });
    CHECK(listed == "4312");
    CHECK(b.router.scheduled().cancel(4, b.now));
    b.turn(1000);
    CHECK(b.mail("bob") == "second third fourth ");
    CHECK(b.waiting() == 0);
}

TEST_CASE("the time to live counts from when it goes") {
    Bench b;
    b.hello();
    b.create("bob");
    b.send(Cast::unicast, "bob", 10'000'000, "x", kScheduled, 100);
    b.turn(10'000);
    b.turn(99);
    CHECK(b.mail("bob") == "x ");
    b.turn(1);
    CHECK(b.mail("bob").empty());
    CHECK(b.router.state().statistics.expired == 1);
}

TEST_CASE("groups and broadcasts wait as well") {
    Bench b;
    b.hello();
    b.create("bob");
    REQUIRE(b.router.join("bob", "team", b.now, b.outbox) == ErrorCode::ok);
    CHECK(b.send(Cast::multicast, "team", 1000, "m") == ErrorCode::ok);
    CHECK(b.send(Cast::broadcast, "", 1000, "b") == ErrorCode::ok);
    CHECK(b.router.state().directory.group("team")->messages == 0);
    b.turn(1);
    CHECK(b.router.state().directory.group("team")->messages == 1);
    CHECK(b.router.state().directory.broadcast().messages == 1);
}

TEST_CASE("too far, too many, and targets that are not there or may not be, are refused at once") {
    Config config;
    config.scheduled_messages = 2;
    config.scheduled_us = 60 * kSecond;
    Bench b(config);
    b.hello();
    b.create("bob");
    CHECK(b.send(Cast::unicast, "bob", 61'000'000, "far") == ErrorCode::invalid_argument);
    CHECK(b.send(Cast::unicast, "bob", kWall + 61'000'000, "far") == ErrorCode::invalid_argument);
    CHECK(b.send(Cast::unicast, "bob", ~std::uint64_t{0}, "far") == ErrorCode::invalid_argument);
    CHECK(b.send(Cast::unicast, "nobody", 1000, "x") == ErrorCode::no_such_node);
    CHECK(b.send(Cast::multicast, "nobody", 1000, "x") == ErrorCode::no_such_group);
    CHECK(b.send(Cast::unicast, "bob", 60'000'000, "1") == ErrorCode::ok);
    CHECK(b.send(Cast::unicast, "bob", 60'000'000, "2") == ErrorCode::ok);
    CHECK(b.send(Cast::unicast, "bob", 60'000'000, "3") == ErrorCode::too_many);
    b.turn(60'000);
    CHECK(b.mail("bob") == "1 2 ");
    CHECK(b.send(Cast::unicast, "bob", 60'000'000, "3") == ErrorCode::ok);
}

TEST_CASE("a full mailbox lets what is due in when it has room, in order") {
    Config config;
    config.mailbox_messages = 1;
    Bench b(config);
    b.hello();
    b.create("bob");
    b.create("eve");
    for (const char* payload : {"1", "2", "3"}) b.send(Cast::unicast, "bob", 1000, payload);
    b.send(Cast::unicast, "eve", 2000, "hers");
    b.turn(2);
    CHECK(b.mail("bob") == "1 ");
    CHECK(b.mail("eve") == "hers ");
    CHECK(b.waiting() == 2);
    Node& bob = *b.router.state().directory.node("bob");
    b.router.state().config.mailbox_messages = 10;
    CHECK(b.turn(1) > b.now.mono_us);
    CHECK(b.mail("bob") == "1 ");
    b.turn(100);
    CHECK(b.mail("bob") == "1 2 3 ");
    CHECK(bob.queued.messages() == 3);
}

TEST_CASE("who asked for delivery hears of a target that is gone by then, and of a cancel") {
    Bench b;
    b.hello();
    b.create("bob");
    b.create("eve");
    b.send(Cast::unicast, "bob", 1000, "x", kScheduled | kWantsDelivered);
    b.send(Cast::unicast, "eve", 1'000'000, "y", kScheduled | kWantsDelivered);
    REQUIRE(b.router.delete_node("bob", b.now, b.outbox) == ErrorCode::ok);
    b.turn(1);
    const Session& session = *b.router.state().sessions.session(77);
    REQUIRE(session.delivered.size() == 1);
    CHECK(session.delivered[0].outcome == Outcome{1, ErrorCode::deleted});
    CHECK(b.router.state().statistics.scheduled_refused == 1);
    CHECK_FALSE(b.router.scheduled().cancel(1, b.now));
    CHECK(b.router.scheduled().cancel(2, b.now));
    CHECK(session.delivered.back().outcome == Outcome{2, ErrorCode::deleted});
    b.turn(2000);
    CHECK(b.mail("eve").empty());
    CHECK(b.waiting() == 0);
    CHECK(b.router.state().usage.bytes() == 0);
}

TEST_CASE("a transaction holds what waits, and one holds both its leaving and its coming") {
    Config config;
    config.durable = true;
    Bench b(config);
    b.hello();
    b.create("bob");
    b.send(Cast::unicast, "bob", 5'000'000, "kept");
    b.send(Cast::unicast, "bob", 1, "gone before anybody wrote it");
    b.turn(1);
    Transaction first;
    b.router.collect(first, b.now);
    const StreamId scheduled = b.router.scheduled().stream();
    std::size_t waiting = 0;
    for (const ChunkRow& chunk : first.chunks) {
        if (chunk.stream != scheduled) continue;
        ++waiting;
        CHECK(chunk.arrival_us == kWall + 5'000'000);
    }
    CHECK(waiting == 1);
    CHECK(first.erasures.empty());

    b.router.committed(first.turn);
    b.turn(5000);
    Transaction second;
    b.router.collect(second, b.now);
    REQUIRE(second.erasures.size() == 1);
    CHECK(second.erasures[0].stream == scheduled);
    CHECK(second.erasures[0].from == 1);
    CHECK(second.erasures[0].through == 1);
    std::size_t came = 0;
    for (const ChunkRow& chunk : second.chunks) came += chunk.stream != scheduled ? chunk.messages : 0;
    CHECK(came == 1);
}

namespace {

/// What a broker that starts finds: these payloads, each due `step_us` before the one ahead of it.
struct Found {
    Bench bench;
    std::vector<ChunkRow> chunks;
    StreamId scheduled = 0;

    static Config durable() {
        Config config;
        config.durable = true;
        config.first_stream = 1000;
        return config;
    }
    explicit Found(const std::vector<const char*>& payloads, std::uint64_t step_us = 1'000'000) : bench(durable()) {
        Config config = durable();
        config.first_stream = 1;
        Bench b(config);
        b.hello();
        b.create("bob");
        std::uint64_t delay_us = 9'000'000;
        for (const char* payload : payloads) b.send(Cast::unicast, "bob", delay_us -= step_us, payload);
        Transaction t;
        b.turn();
        b.router.collect(t, b.now);
        Recovered recovered;
        recovered.nodes = t.nodes;
        recovered.streams = t.streams;
        scheduled = b.router.scheduled().stream();
        chunks = t.chunks;
        for (ChunkRow chunk : t.chunks) {
            chunk.frames.clear();
            recovered.group_chunks.push_back(chunk);
        }
        bench.now.wall_us += 60'000'000;
        bench.router.restore(recovered, bench.now, bench.outbox);
    }
    /// The store answers with chunk `i` (from 0), behind which there are more, or (`why`) that it cannot.
    void answers(std::size_t i, const char* why = nullptr, bool corrupt = false) {
        const Sequence at = i + 1;
        Loaded loaded{scheduled,      at, at == chunks.size() ? Loaded::kEnd : at,
                      why != nullptr, {}, why != nullptr ? why : "",
                      corrupt};
        if (why == nullptr) loaded.frames = chunks[i].frames;
        bench.outbox.clear();
        bench.router.loaded(std::move(loaded), bench.now, bench.outbox);
    }
};

}  // namespace

TEST_CASE("a start reads back what waits, and it goes once it is read, however late") {
    Found f({"later"});
    CHECK(f.bench.waiting() == 1);
    REQUIRE(f.bench.outbox.loads.size() == 1);
    CHECK(f.bench.turn() > f.bench.now.mono_us);
    CHECK(f.bench.mail("bob").empty());
    CHECK(f.bench.router.state().memory_bytes() == 0);
    f.answers(0);
    f.bench.turn();
    CHECK(f.bench.mail("bob") == "later ");
    CHECK(f.bench.waiting() == 0);
}

TEST_CASE("what is damaged is let go after some tries, and what lies behind it is read and goes") {
    Found f({"first", "damaged", "last"}, 0);
    Bench& again = f.bench;
    REQUIRE(f.chunks.size() == 3);
    f.answers(0);
    for (int tries = 1; tries <= 5; ++tries) {
        REQUIRE(again.outbox.loads.size() == 1);
        CHECK(again.outbox.loads[0].from == 2);
        f.answers(1, "rotten", true);
        if (tries < 5) again.turn(6000);
    }
    REQUIRE(again.outbox.loads.size() == 1);
    CHECK(again.outbox.loads[0].from == 3);
    REQUIRE(again.outbox.log.size() == 1);
    CHECK(again.outbox.log[0].text.find("1 of them are damaged and let go: rotten") != std::string::npos);
    CHECK(again.router.state().unreadable.empty());
    f.answers(2);
    again.turn();
    CHECK(again.mail("bob") == "first last ");
    CHECK(again.waiting() == 0);
    CHECK(again.router.scheduled().bytes() == 0);
    CHECK(again.router.state().usage.paged_out_bytes() == 0);
    Transaction after;
    again.router.collect(after, again.now);
    CHECK(std::any_of(after.erasures.begin(), after.erasures.end(),
                      [&](const Erasure& e) { return e.stream == f.scheduled && e.from <= 2 && e.through >= 2; }));
}

TEST_CASE("what was due while the broker was away goes in the order of its times, not of its coming") {
    Found f({"third", "second", "first"});
    f.answers(0);
    f.bench.turn();
    CHECK(f.bench.mail("bob").empty());
    f.answers(1);
    f.bench.turn();
    CHECK(f.bench.mail("bob").empty());
    f.answers(2);
    f.bench.turn();
    CHECK(f.bench.mail("bob") == "first second third ");
}

TEST_CASE("what the disk does not give back for long holds nothing else back, and goes when it does") {
    Found f({"third", "unreadable", "first"});
    f.answers(0);
    for (int tries = 0; tries < 5; ++tries) {
        f.answers(1, "disk I/O error");
        f.bench.now.mono_us += 10'000'000;
        f.bench.turn();
    }
    CHECK(f.bench.waiting() == 3);
    f.answers(2);
    f.bench.turn();
    CHECK(f.bench.mail("bob") == "first third ");
    CHECK(f.bench.waiting() == 1);
    f.answers(1);
    f.bench.turn();
    CHECK(f.bench.mail("bob") == "first third unreadable ");
    CHECK(f.bench.waiting() == 0);
}
