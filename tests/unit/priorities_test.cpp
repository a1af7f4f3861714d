// Priorities of a mailbox whose backlog lies in the store: a reader is given the higher ones first, however long the
// store takes, and is not left without the lower ones where the store cannot give the higher ones back.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/kept_broker.hpp"

using namespace cast;
using namespace cast::test;

namespace {

struct Backlog : Kept {
    /// Bob is away; what is sent to him now lies in the store alone.
    CoreScene& away() {
        CoreScene& s = start_with_bob();
        return s;
    }
    void answer(bool failed, bool corrupt) {
        for (const broker::Load& load : std::exchange(scene->loads, {})) {
            broker::Loaded loaded = disk.read(load);
            loaded.failed = failed;
            loaded.corrupt = corrupt;
            if (failed) loaded.frames.clear();
            scene->router().loaded(std::move(loaded), scene->now, scene->outbox);
        }
        scene->turn();
    }
};

}  // namespace

TEST_CASE_FIXTURE(Backlog, "a lower priority waits while a higher one is read from the store") {
    CoreScene& s = away();
    send(1, {"urgent"}, {.priority = 9});
    s.keep(disk);
    s.connect(2);
    s.attach(2, "bob");
    REQUIRE(s.loads.size() == 1);
    send(1, {"low"}, {.priority = 0});
    CHECK(s.delivered(2).empty());
    answer(false, false);
    CHECK(s.delivered(2) == "urgent low");
}

TEST_CASE_FIXTURE(Backlog, "a lower priority waits for all of a higher one, however many windows that takes") {
    config.reader_window = 1000;
    CoreScene& s = away();
    std::string all;
    for (int i = 0; i < 40; ++i) {
        send(1, {"urgent" + std::string(100, '.')}, {.priority = 9});
        all += "urgent" + std::string(100, '.') + " ";
    }
    send(1, {"low"}, {.priority = 0});
    s.keep(disk);
    s.connect(2);
    s.attach(2, "bob");
    std::string got;
    for (int i = 0; i < 40; ++i) {
        s.keep(disk);
        if (const std::string more = s.delivered(2); !more.empty()) got += more + " ";
        s.ack(2);
    }
    CHECK(got == all + "low ");
}

TEST_CASE_FIXTURE(Backlog, "what is damaged stops its own priority alone") {
    CoreScene& s = away();
    send(1, {"urgent"}, {.priority = 9});
    send(1, {"low"}, {.priority = 0});
    s.keep(disk);
    s.connect(2);
    s.attach(2, "bob");
    answer(true, true);
    CHECK(s.delivered(2).empty());
    answer(false, false);  // the lower one was asked for
    CHECK(s.delivered(2) == "low");
    send(1, {"higher"}, {.priority = 5});
    CHECK(s.delivered(2) == "higher");
    s.pass(1000);  // the damaged one is asked for again
    s.turn();
    answer(false, false);
    CHECK(s.delivered(2) == "urgent");
    send(1, {"low again"}, {.priority = 0});
    CHECK(s.delivered(2) == "low again");
}

TEST_CASE_FIXTURE(Backlog, "a disk that gives nothing back for seconds stops that priority alone") {
    CoreScene& s = away();
    send(1, {"urgent"}, {.priority = 9});
    s.keep(disk);
    s.connect(2);
    s.attach(2, "bob");
    send(1, {"low"}, {.priority = 0});
    int tries = 0;
    for (std::string got; got.empty(); got = s.delivered(2)) {
        REQUIRE(++tries <= 5);
        answer(true, false);
        s.pass(1700);
        s.turn();
    }
    CHECK(tries == 5);
    s.ack(2);
    s.pass(2000);  // asked for again
    s.turn();
    answer(false, false);
    CHECK(s.delivered(2) == "urgent");
}
