// core/looking, core/history and purging: what is shown without being taken, what is kept of it, what is thrown away.
#include <doctest/doctest.h>

#include "support/core_scene.hpp"

using namespace cast;
using namespace cast::test;
using wire::Cast;

namespace {

constexpr broker::Asker kAsker{9, 1};

broker::Config with_history() {
    broker::Config config;
    config.history_messages = 100;
    return config;
}

/// alice (client 1) sends; bob and carol are nodes; client 2 reads.
struct BrowserScene : CoreScene {
    explicit BrowserScene(const broker::Config& config = with_history()) : CoreScene(config) {
        create("bob");
        create("carol");
        for (const std::uint64_t client : {1, 2}) connect(client);
        attach(1, "alice", false);
    }
    broker::Node& bob() { return *state().directory.node("bob"); }
    std::string peek(std::size_t count = 50) {
        router().browser().peek(kAsker, bob(), count, now, outbox);
        return browsed();
    }
    std::string history(std::size_t count = 50, std::uint64_t before = 0) {
        router().browser().history(kAsker, bob(), count, before, outbox);
        next_before = outbox.browse_answers.back().next_before;
        return browsed();
    }
    std::uint64_t next_before = 0;
};

}  // namespace

TEST_CASE("peek shows what is unread in the order of reading, and takes nothing") {
    BrowserScene s;
    s.send(1, "alice", "bob", {"a", "b"});
    s.send(1, "alice", "bob", {"urgent"}, {.priority = 9});
    s.send(1, "alice", "carol", {"hers"});
    CHECK(s.peek() == "urgent a b");
    CHECK(s.peek(2) == "urgent a");
    s.router().browser().peek(kAsker, s.bob(), 1, s.now, s.outbox);
    s.turn();
    REQUIRE(s.browse_answers.size() == 1);
    const broker::MessagePreview& preview = s.browse_answers[0].messages.at(0);
    CHECK(preview.sender == "alice");
    CHECK(preview.target == "bob");
    CHECK(preview.type == "text");
    CHECK(preview.priority == 9);
    CHECK(preview.sequence == 1);
    CHECK(preview.wall_us == s.now.wall_us);
    CHECK_FALSE(preview.redelivered);
    CHECK(s.browse_answers[0].to.connection == 9);
    s.browse_answers.clear();
    s.attach(2, "bob");
    CHECK(s.delivered(2) == "urgent a b");
    CHECK(s.peek() == "urgent a b");  // had, but not acknowledged
    s.ack(2);
    CHECK(s.peek().empty());
}

TEST_CASE("peek begins within a batch where its reader is, and leaves out what has expired") {
    BrowserScene s;
    s.send(1, "alice", "bob", {"a", "b", "c"});
    s.attach(2, "bob");
    s.ack(2, 1);
    CHECK(s.peek() == "c");
    s.detach(2, "bob");
    s.send(1, "alice", "bob", {"short"}, {.ttl_ms = 100});
    s.send(1, "alice", "bob", {"d"});
    CHECK(s.peek() == "c short d");
    s.pass(200);
    CHECK(s.peek() == "c d");
}

TEST_CASE("a long payload is cut, and an answer has an end") {
    BrowserScene s;
    const std::string large(100000, 'x');
    for (int i = 0; i < 50; ++i) s.send(1, "alice", "bob", {large});
    s.router().browser().peek(kAsker, s.bob(), 1000, s.now, s.outbox);
    s.turn();
    REQUIRE(s.browse_answers.size() == 1);
    CHECK(s.browse_answers[0].messages.size() == broker::kBrowseBytes / broker::kPreviewPayload);
    CHECK(s.browse_answers[0].messages[0].payload.size() == broker::kPreviewPayload);
    CHECK(s.browse_answers[0].messages[0].size == large.size());
}

TEST_CASE("history shows what was acknowledged, the newest first, page by page") {
    BrowserScene s;
    CHECK(s.history().empty());
    s.attach(2, "bob");
    s.send(1, "alice", "bob", {"a", "b"});
    s.send(1, "alice", "bob", {"c", "d", "e"});
    CHECK(s.history().empty());
    s.ack(2);
    CHECK(s.history() == "e d c b a");
    CHECK(s.next_before == 0);
    CHECK(s.history(2) == "e d");
    REQUIRE(s.next_before != 0);
    CHECK(s.history(2, s.next_before) == "c b");
    CHECK(s.history(2, s.next_before) == "a");
    CHECK(s.next_before == 0);
}

TEST_CASE("history keeps the last messages of each node, within the bytes of all of them") {
    broker::Config config;
    config.history_messages = 3;
    config.history_bytes = 4000;
    BrowserScene s(config);
    s.connect(3);
    s.attach(2, "bob");
    s.attach(3, "carol");
    for (const char* word : {"a", "b", "c", "d", "e"}) s.send(1, "alice", "bob", {word});
    s.ack(2);
    CHECK(s.history() == "e d c");
    CHECK(s.state().history.bytes() < 1000);
    // Others fill it: bob, quiet the longest, loses his.
    for (int i = 0; i < 2; ++i) s.send(1, "alice", "carol", {std::string(1900, 'x')});
    s.ack(3);
    CHECK(s.history().empty());
    CHECK(s.state().history.bytes() <= 4000);
    s.send(1, "alice", "bob", {std::string(5000, 'y')});  // larger than all that may be kept
    s.ack(2);
    CHECK(s.history().empty());
    s.router().delete_node("carol", s.now, s.outbox);
    CHECK(s.state().history.bytes() == 0);
}

TEST_CASE("without a history nothing is kept") {
    broker::Config config;
    config.history_messages = 0;
    BrowserScene s(config);
    s.attach(2, "bob");
    s.send(1, "alice", "bob", {"a"});
    s.ack(2);
    CHECK(s.history().empty());
    CHECK(s.state().history.bytes() == 0);
}

TEST_CASE("what a group keeps is shown, the newest first") {
    BrowserScene s;
    s.router().join("bob", "team", s.now, s.outbox);
    s.send(1, "alice", "team", {"a", "b"}, {.cast = Cast::multicast});
    s.send(1, "alice", "team", {"c"}, {.cast = Cast::multicast});
    const broker::Group& team = *s.state().directory.group("team");
    s.router().browser().kept(kAsker, team, 2, 0, s.now, s.outbox);
    const std::uint64_t before = s.outbox.browse_answers.back().next_before;
    CHECK(s.browsed() == "c b");
    s.router().browser().kept(kAsker, team, 2, before, s.now, s.outbox);
    CHECK(s.outbox.browse_answers.back().next_before == 0);
    CHECK(s.browsed() == "a");
}

TEST_CASE("a purge empties a mailbox; the next reader is told, and so is a sender who waits") {
    BrowserScene s;
    s.send(1, "alice", "bob", {"a", "b"}, {.flags = wire::kWantsDelivered});
    s.send(1, "alice", "bob", {"c"}, {.priority = 7});
    CHECK(s.router().purge(s.bob(), s.now, s.outbox) == 3);
    s.turn();
    CHECK(s.outcomes(1) == "1 delivered deleted");
    CHECK(s.bob().queued.messages() == 0);
    CHECK(s.bob().queued.bytes() == 0);
    CHECK(s.state().usage.bytes() == 0);
    CHECK(s.peek().empty());
    s.send(1, "alice", "bob", {"after"});
    s.attach(2, "bob");
    CHECK(s.gaps(2) == "purged 1 purged 2");
    CHECK(s.delivered(2) == "after");
    s.ack(2);
    CHECK(s.peek().empty());
    CHECK(s.router().purge(s.bob(), s.now, s.outbox) == 0);
}

TEST_CASE("a reader keeps what it has when its mailbox is purged, and hears of the rest") {
    broker::Config config;
    config.reader_window = 3000;
    BrowserScene s(config);
    s.attach(2, "bob");
    for (const char* word : {"a", "b", "c", "d"}) s.send(1, "alice", "bob", {word + std::string(1000, '.')});
    CHECK(s.delivered(2).size() == 2 * 1001 + 1);
    CHECK(s.router().purge(s.bob(), s.now, s.outbox) == 4);
    s.turn();
    CHECK(s.gaps(2) == "purged 2");
    CHECK(s.delivered(2).empty());
    s.ack(2);
    s.send(1, "alice", "bob", {"after"});
    CHECK(s.delivered(2) == "after");
    s.ack(2);
    CHECK(s.peek().empty());
    CHECK(s.bob().queued.bytes() == 0);
}

TEST_CASE("what was partly acknowledged is purged in part") {
    BrowserScene s;
    s.send(1, "alice", "bob", {"a", "b", "c"});
    s.attach(2, "bob");
    s.ack(2, 1);
    s.detach(2, "bob");
    CHECK(s.router().purge(s.bob(), s.now, s.outbox) == 1);
    s.delivered(2);
    s.attach(2, "bob");
    CHECK(s.gaps(2) == "purged 1");
    CHECK(s.delivered(2).empty());
}

TEST_CASE("a purged group tells its absent members of a gap when they come") {
    BrowserScene s;
    s.router().join("bob", "team", s.now, s.outbox);
    s.send(1, "alice", "team", {"a", "b"}, {.cast = Cast::multicast});
    broker::Group& team = *s.state().directory.group("team");
    CHECK(s.router().purge(team) == 2);
    CHECK(team.stream.messages() == 0);
    CHECK(s.state().usage.bytes() == 0);
    s.attach(2, "bob");
    s.router().handle(2, wire::Slice::copy(wire::encode(wire::Fetch{team.stream.id(), 1, 1000})), s.now, s.outbox);
    s.turn();
    CHECK(s.gaps(2) == "purged 2");
}
