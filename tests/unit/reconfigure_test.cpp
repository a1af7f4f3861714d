// core/router: limits that become larger or smaller while the broker runs (SIGHUP).
#include <doctest/doctest.h>

#include "support/core_scene.hpp"

using namespace cast;
using namespace cast::test;
using wire::Cast;

namespace {

/// alice (client 1) sends; bob is a node, and a member of team, that client 2 may read.
struct ReconfigureScene : CoreScene {
    explicit ReconfigureScene(const broker::Config& config = with_history()) : CoreScene(config) {
        create("bob");
        for (const std::uint64_t client : {1, 2}) connect(client);
        attach(1, "alice", false);
        REQUIRE(router().join("bob", "team", now, outbox) == ErrorCode::ok);
        turn();
    }
    static broker::Config with_history() {
        broker::Config config;
        config.history_messages = 100000;
        return config;
    }
    template <class Change>
    void reconfigure(Change&& change) {
        broker::Config config = router().config();
        change(config);
        router().reconfigure(config, outbox);
    }
    /// The limits that this client is told in the outbox, if it is told.
    std::vector<wire::Limits> announced(std::uint64_t client) {
        std::vector<wire::Limits> all;
        for (const broker::Send& send : outbox.sends) {
            wire::Frame frame;
            wire::Limits limits;
            if (send.to == client && wire::read_frame(send.frame.view(), frame) == ErrorCode::ok &&
                frame.verb == wire::Verb::limits && wire::decode(frame.body, limits))
                all.push_back(limits);
        }
        return all;
    }
    /// So many turns bring `left` to `count`; each takes something, and none all.
    template <class Left>
    int turns_until(Left&& left, std::size_t count) {
        int turns = 0;
        while (left() > count) {
            const std::size_t before = left();
            turn();
            ++turns;
            REQUIRE(left() < before);
        }
        return turns;
    }
};

}  // namespace

TEST_CASE("clients hear of limits that have changed, and of nothing else") {
    ReconfigureScene s;
    s.reconfigure([](broker::Config& c) { c.mailbox_messages = 7; });
    CHECK(s.announced(1).empty());
    s.reconfigure([](broker::Config& c) { c.max_message = 64 << 20, c.ping_us = 9 * broker::kSecond; });
    REQUIRE(s.announced(1).size() == 1);
    CHECK(s.announced(1)[0].max_message == 64 << 20);
    CHECK(s.announced(1)[0].ping_ms == 9000);
    CHECK(s.announced(1) == s.announced(2));
}

TEST_CASE("who is connected may send the larger messages at once, and is refused those that are too large now") {
    ReconfigureScene s;
    const std::string large(9 << 20, 'x');
    s.send(1, "alice", "bob", {large});
    CHECK(s.outcomes(1) == "1 too_large");
    s.reconfigure([](broker::Config& c) { c.max_message = 16 << 20; });
    s.send(1, "alice", "bob", {large});
    CHECK(s.outcomes(1) == "");
    s.reconfigure([](broker::Config& c) { c.max_message = 1 << 20; });
    s.send(1, "alice", "bob", {large});
    CHECK(s.outcomes(1) == "3 too_large");
}

TEST_CASE("a larger window counts for who is connected") {
    ReconfigureScene s;
    s.reconfigure([](broker::Config& c) { c.sender_window = 32 << 20; });
    CHECK(s.state().sessions.session(1)->window == 32 << 20);
    REQUIRE(s.announced(1).size() == 1);
    CHECK(s.announced(1)[0].window_bytes == 32 << 20);
}

TEST_CASE("dead letters beyond a smaller limit go by themselves, the oldest first, in steps") {
    ReconfigureScene s;
    for (int i = 0; i < 3000; ++i) s.send(1, "alice", "bob", {std::to_string(i)}, {.ttl_ms = 100});
    s.pass(200);
    const auto letters = [&] { return s.router().dead().messages(); };
    for (int turns = 0; turns < 10 && letters() < 3000; ++turns) s.turn();
    REQUIRE(letters() == 3000);
    SUBCASE("messages") {
        const std::uint64_t newest = s.router().dead().before(~std::uint64_t{0})->id;
        s.reconfigure([](broker::Config& c) { c.dead_letter_messages = 10; });
        CHECK(s.turns_until(letters, 10) > 1);
        CHECK(letters() == 10);
        CHECK(s.router().dead().before(~std::uint64_t{0})->id == newest);
    }
    SUBCASE("bytes") {
        s.reconfigure([](broker::Config& c) { c.dead_letter_bytes = 2000; });
        CHECK(s.turns_until([&] { return s.router().dead().bytes(); }, 2000) > 1);
        CHECK(letters() > 0);
    }
    SUBCASE("none") {
        s.reconfigure([](broker::Config& c) { c.dead_letter_messages = 0; });
        CHECK(s.turns_until(letters, 0) > 1);
    }
}

TEST_CASE("history beyond a smaller limit goes by itself, in steps") {
    ReconfigureScene s;
    s.attach(2, "bob");
    for (int i = 0; i < 3000; ++i) {
        s.send(1, "alice", "bob", {std::to_string(i)});
        s.ack(2);
    }
    s.turn();
    const broker::Node& bob = *s.state().directory.node("bob");
    const auto messages = [&] { return bob.history == nullptr ? 0 : bob.history->messages; };
    REQUIRE(messages() == 3000);
    SUBCASE("messages") {
        s.reconfigure([](broker::Config& c) { c.history_messages = 10; });
        CHECK(s.turns_until(messages, 10) > 1);
        CHECK(messages() == 10);
    }
    SUBCASE("bytes") {
        s.reconfigure([](broker::Config& c) { c.history_bytes = 1000; });
        CHECK(s.turns_until([&] { return s.state().history.bytes(); }, 1000) > 1);
        CHECK(messages() > 0);
    }
    SUBCASE("none") {
        s.reconfigure([](broker::Config& c) { c.history_messages = 0; });
        CHECK(s.turns_until(messages, 0) > 1);
        CHECK(bob.history == nullptr);
    }
}

TEST_CASE("a node whose history goes may be used and deleted meanwhile") {
    ReconfigureScene s;
    s.create("carol");
    s.attach(2, "bob");
    s.connect(3);
    s.attach(3, "carol");
    for (int i = 0; i < 2000; ++i) {
        s.send(1, "alice", "bob", {std::to_string(i)});
        s.send(1, "alice", "carol", {std::to_string(i)});
        s.ack(2);
        s.ack(3);
    }
    s.turn();
    s.reconfigure([](broker::Config& c) { c.history_messages = 10; });
    s.turn();
    SUBCASE("deleted") { s.router().delete_node("bob", s.now, s.outbox); }
    SUBCASE("used") {
        s.send(1, "alice", "bob", {"more"});
        s.ack(2);
    }
    for (int i = 0; i < 10; ++i) s.turn();
    CHECK(s.state().directory.node("carol")->history->messages == 10);
    if (const broker::Node* bob = s.state().directory.node("bob")) CHECK(bob->history->messages == 10);
}

TEST_CASE("what a group keeps beyond a smaller limit goes by itself, in steps") {
    ReconfigureScene s;
    for (int i = 0; i < 5000; ++i) s.send(1, "alice", "team", {std::to_string(i)}, {.cast = Cast::multicast});
    const broker::Group& team = *s.state().directory.group("team");
    const auto messages = [&] { return static_cast<std::size_t>(team.stream.messages()); };
    REQUIRE(messages() == 5000);
    SUBCASE("messages") {
        s.reconfigure([](broker::Config& c) { c.group_messages = 10; });
        CHECK(s.turns_until(messages, 10) > 1);
        CHECK(messages() == 10);
    }
    SUBCASE("bytes") {
        s.reconfigure([](broker::Config& c) { c.group_bytes = 65536; });
        CHECK(s.turns_until([&] { return static_cast<std::size_t>(team.stream.bytes()); }, 65536) > 1);
        CHECK(messages() > 0);
    }
    SUBCASE("age") {
        s.pass(2000);
        s.reconfigure([](broker::Config& c) { c.group_age_us = broker::kSecond; });
        CHECK(s.turns_until(messages, 1) > 1);
    }
}
