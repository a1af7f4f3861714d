// What readers say of where they stand when they come back after a crash: it counts as far as the store had it.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "support/kept_broker.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::test;

TEST_CASE_FIXTURE(
    Kept, "a reader that had all of its mailbox before a crash is named it, and has it after the next crash as well") {
    CoreScene* s = &start_with_bob();
    send(1, {"a", "b"});
    s->keep(disk);
    const broker::StreamId lane = s->state().directory.node("bob")->lanes[0]->stream.id();
    for (int crash = 0; crash < 2; ++crash) {  // nobody keeps what it had acknowledged
        s = &start();
        s->connect(2);
        wire::Attach again;
        again.nodes.push_back({wire::kReceive | wire::kAgain | wire::kEarlier, "bob", {{lane, 2, 0}}});
        s->router().handle(2, wire::Slice::take(wire::encode(again)), s->now, s->outbox);
        wire::Frame frame;
        wire::Attached m;
        REQUIRE(wire::read_frame(s->outbox.sends.back().frame.view(), frame) == ErrorCode::ok);
        REQUIRE(wire::decode(frame.body, m));
        const auto& streams = m.nodes.at(0).streams;
        CHECK(std::any_of(streams.begin(), streams.end(),
                          [&](const auto& info) { return info.stream == lane && info.cursor == 2; }));
        s->turn();
        CHECK(s->delivered(2) == "");
    }
}

TEST_CASE_FIXTURE(Kept, "so has one that was not attached between two crashes, of what the first one left") {
    CoreScene* s = &start_with_bob();
    send(1, {"a", "b", "c"});
    s->keep(disk);
    const broker::StreamId lane = s->state().directory.node("bob")->lanes[0]->stream.id();
    send(1, {"lost"});  // it reads 1 to 4 and acknowledges them, and nobody keeps that, nor this
    s = &start();
    s->connect(3);
    s->attach(3, "alice", false);
    send(3, {"another", "fourth"});
    s->keep(disk);
    s = &start();
    s->connect(2);
    wire::Attach again;
    again.nodes.push_back({wire::kReceive | wire::kBefore, "bob", {{lane, 4, 0}}});
    s->router().handle(2, wire::Slice::take(wire::encode(again)), s->now, s->outbox);
    s->turn();
    for (const broker::Load& load : std::exchange(s->loads, {})) s->router().loaded(disk.read(load), s->now, s->outbox);
    s->turn();
    CHECK(s->delivered(2) == "another fourth");
}
