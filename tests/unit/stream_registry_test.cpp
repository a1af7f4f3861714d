// What a stream id stands for, and that each kind writes the row that is its own.
#include "core/persistence/stream_registry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "wire/frame.hpp"
#include "wire/names.hpp"

using namespace broker;

namespace {

constexpr std::uint8_t kPriority = 3;

Config kept_config() {
    Config config;
    config.durable = true;
    return config;
}

/// The parts of the core without a router.
struct Parts {
    State state{kept_config()};
    Receipts receipts{state};
    DeadLetters dead{state.config, state.directory, state.budget, state.dirty};
    Mailboxes mailboxes{state, receipts, dead};
    Reaper reaper{state, receipts, dead};
    Groups groups{state, receipts};
    Scheduled scheduled{state, receipts, mailboxes, groups, dead};
    StreamRegistry streams{{state, groups, mailboxes, reaper, dead, scheduled}};
    Outbox outbox;
    Now now{1000000, 1700000000000000u};
    Node& bob = state.directory.add_node("bob", false);

    static cast::wire::Slice batch(std::string_view target, cast::wire::Cast cast, std::uint64_t arrival_us = 0) {
        std::string frame;
        cast::wire::begin_frame(frame, cast::wire::Verb::deliver);
        cast::wire::BatchHeader header;
        header.cast = cast;
        header.target = target;
        header.sender = "alice";
        header.priority = kPriority;
        header.arrival_us = arrival_us;
        cast::wire::begin_batch(frame, header);
        cast::wire::append_record(frame, "text", {}, "hello");
        cast::wire::seal_batch(frame, cast::wire::kFrameHeader, 1, 1, 0);
        return cast::wire::Slice::take(std::move(frame));
    }
    static cast::wire::BatchHeader header_of(const cast::wire::Slice& frame) {
        return cast::wire::read_batch(frame.view().substr(cast::wire::kFrameHeader))->header;
    }
    Lane& lane_with_mail() {
        const auto frame = batch("bob", cast::wire::Cast::unicast);
        mailboxes.append(bob, nullptr, header_of(frame), frame, now);
        return *bob.lanes.front();
    }
    std::string what(StreamId id) { return streams.find(id)->describe().what; }
    StreamRow row_of(StreamId id) {
        Transaction t;
        streams.find(id)->write(t);
        REQUIRE(t.streams.size() == 1);
        return t.streams.front();
    }
};

}  // namespace

TEST_CASE("an id that stands for nothing is not found") {
    Parts p;
    CHECK_FALSE(p.streams.find(0));
    CHECK_FALSE(p.streams.find(4711));
}

TEST_CASE("a lane is written as its node's, at its priority") {
    Parts p;
    const Lane& lane = p.lane_with_mail();
    const StreamId id = lane.stream.id();
    REQUIRE(p.streams.find(id));
    CHECK(p.what(id) == "mailbox of bob, priority 3");
    const StreamRow row = p.row_of(id);
    CHECK(row.id == id);
    CHECK(row.kind == kPriority);
    CHECK(row.owner == "bob");
    CHECK(row.messages == 1);
}

TEST_CASE("a lane that its node lost is written without an owner, until the reaper is through with it") {
    Parts p;
    Lane& lane = p.lane_with_mail();
    const StreamId id = lane.stream.id();
    p.mailboxes.disown(lane, p.now);
    std::vector<std::unique_ptr<Lane>> lanes;
    lanes.push_back(p.state.directory.replace(lane, 0));
    p.state.budget.spend(p.state.config.turn_steps);  // nothing more in this turn, but for one step
    p.state.orphaned_lanes[id] = {std::move(lanes.front()), 0, false, false};
    p.state.orphaned_lanes[id].lane->node = nullptr;
    REQUIRE(p.streams.find(id));
    CHECK(p.what(id).empty());
    CHECK(p.streams.find(id)->awaits(1));
    CHECK(p.row_of(id).owner.empty());
    p.state.orphaned_lanes.erase(id);
    CHECK_FALSE(p.streams.find(id));
}

TEST_CASE("a group is written by its name, and broadcast without one") {
    Parts p;
    Group& group = p.state.directory.add_group("team");
    group.created = true;
    CHECK(p.what(group.stream.id()) == "group team");
    const StreamRow row = p.row_of(group.stream.id());
    CHECK(row.kind == cast::wire::kGroupStream);
    CHECK(row.owner == "team");
    CHECK(row.created);
    const StreamId all = p.state.directory.broadcast().stream.id();
    CHECK(p.what(all).empty());
    CHECK(p.row_of(all).kind == cast::wire::kBroadcastStream);
}

TEST_CASE("a dead letter is known by its stream, and let go once it cannot be read") {
    Parts p;
    StreamRow row;
    row.id = 77;
    row.kind = kDeadLetterStream;
    row.high = 5;
    row.bytes = 100;
    p.dead.restore(row, p.outbox);
    REQUIRE(p.streams.find(77));
    Loaded damaged;
    damaged.corrupt = damaged.failed = true;
    CHECK(p.streams.find(77)->load_failed(damaged, 1, p.now, p.outbox).empty());
    CHECK(p.streams.find(77)->load_failed(damaged, StoredStream::kManyTries, p.now, p.outbox) == "a dead letter is");
    CHECK_FALSE(p.streams.find(77));
}

TEST_CASE("what is scheduled is listed for the next transaction once, and written as one stream") {
    Parts p;
    for (int i = 0; i < 2; ++i) {
        const auto frame = Parts::batch("bob", cast::wire::Cast::unicast, p.now.wall_us + 5'000'000);
        p.scheduled.append(Parts::header_of(frame), frame, p.now);
    }
    const StreamId id = p.scheduled.stream();
    CHECK(std::count(p.state.dirty.streams.begin(), p.state.dirty.streams.end(), id) == 1);
    CHECK(p.what(id) == "messages that wait for their time");
    Transaction t;
    CHECK(p.streams.find(id)->write(t) == 2);
    CHECK(t.chunks.size() == 2);
    CHECK(t.streams.front().kind == kScheduledStream);
    CHECK(t.streams.front().messages == 2);
}
