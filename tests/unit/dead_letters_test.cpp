// core/dead and wire/letter: what becomes of messages that nobody handles, and how they come back.
#include <doctest/doctest.h>

#include "support/core_scene.hpp"
#include "wire/dead_letter.hpp"
#include "wire/record.hpp"

using namespace cast;
using namespace cast::test;

namespace {

/// alice (client 1) sends; bob is a node; client 2 reads.
struct Scene : CoreScene {
    explicit Scene(const broker::Config& config = {}) : CoreScene(config) {
        create("bob");
        for (const std::uint64_t client : {1, 2}) connect(client);
        attach(1, "alice", false);
    }
    /// "reason sender>target payload", the oldest first, with a comma between them.
    std::string dead() {
        std::string words;
        for (auto d = router().dead().before(~std::uint64_t{0}); d; d = router().dead().before(d->id)) {
            std::string one(d->letter.reason);
            one += " " + std::string(d->letter.sender) + ">" + std::string(d->letter.target) + " " +
                   std::string(d->message.payload);
            words = words.empty() ? one : one + ", " + words;
        }
        return words;
    }
    std::uint64_t newest() { return router().dead().before(~std::uint64_t{0})->id; }
    /// A letter as a reader sends it; returns its outcome.
    std::string nack(std::string_view sender, std::string_view target, std::string_view type = wire::kDeadLetterType,
                     std::string_view payload = "{}") {
        std::string record, frame;
        wire::append_record(record, "json", {}, payload);
        const wire::DeadLetterEnvelope letter{wire::kReasonRefused, "no good", sender, target, {}, 7, 5, record};
        wire::begin_frame(frame, wire::Verb::cast);
        wire::BatchHeader header;
        header.session = 2;
        header.target = wire::kDeadLetters;
        header.sender = "bob";
        wire::begin_batch(frame, header);
        wire::append_record(frame, type, wire::encode_headers(wire::dead_letter_headers(letter)), record);
        wire::seal_batch(frame, wire::kFrameHeader, ++nacks_, 1, wire::kAskReceipt);
        router().handle(2, wire::Slice::copy(frame), now, outbox);
        turn();
        return outcomes(2);
    }
    std::uint64_t nacks_ = 0;
};

}  // namespace

TEST_CASE("what expires in a mailbox is dead, message by message") {
    Scene s;
    s.send(1, "alice", "bob", {"a", "b"}, {.ttl_ms = 100});
    s.send(1, "alice", "bob", {"lives"});
    s.pass(200);
    s.turn();
    CHECK(s.dead() == "expired alice>bob a, expired alice>bob b");
    const auto letter = s.router().dead().view(s.newest());
    REQUIRE(letter);
    CHECK(letter->wall_us == s.now.wall_us);
    CHECK(letter->letter.arrival_us == s.now.wall_us - 200000);
    CHECK(letter->letter.priority == wire::kDefaultPriority);
    CHECK(letter->message.type == "text");
}

TEST_CASE("what was acknowledged is not dead when the rest of its batch expires") {
    Scene s;
    s.attach(2, "bob");
    s.send(1, "alice", "bob", {"a", "b", "c"}, {.ttl_ms = 100});
    s.ack(2, 1);
    s.pass(200);
    s.turn();
    CHECK(s.dead().empty());  // its reader has it
    s.detach(2, "bob");
    CHECK(s.dead() == "expired alice>bob c");
}

TEST_CASE("the mail of a node that is deleted or vanishes is dead, but not what waits for an answer's node") {
    Scene s;
    s.send(1, "alice", "bob", {"a", "b"}, {.flags = wire::kWantsDelivered});
    s.router().delete_node("bob", s.now, s.outbox);
    s.turn();
    CHECK(s.dead() == "deleted alice>bob a, deleted alice>bob b");
    CHECK(s.outcomes(1) == "1 delivered deleted");
    s.attach(2, "carol");
    s.send(1, "alice", "carol", {"c"});
    s.detach(2, "carol");
    CHECK(s.dead() == "deleted alice>bob a, deleted alice>bob b, deleted alice>carol c");
    s.attach(2, wire::reply_name(2));
    s.send(1, "alice", wire::reply_name(2), {"answer"});
    s.detach(2, wire::reply_name(2));
    CHECK(s.router().dead().messages() == 3);
}

TEST_CASE("a purge makes no dead letters") {
    Scene s;
    s.send(1, "alice", "bob", {"a"});
    s.router().purge(*s.state().directory.node("bob"), s.now, s.outbox);
    CHECK(s.dead().empty());
}

TEST_CASE("dead letters are bounded by number and bytes; the oldest go first") {
    broker::Config config;
    config.dead_letter_messages = 3;
    config.dead_letter_bytes = 2000;
    Scene s(config);
    std::vector<std::string> many;
    for (int i = 1; i <= 9; ++i) many.push_back(std::to_string(i));
    s.send(1, "alice", "bob", many);
    s.send(1, "alice", "bob", {"last"});
    s.router().delete_node("bob", s.now, s.outbox);
    CHECK(s.dead() == "deleted alice>bob 8, deleted alice>bob 9, deleted alice>bob last");
    s.create("bob");
    s.send(1, "alice", "bob", {std::string(1700, 'x')});
    s.router().delete_node("bob", s.now, s.outbox);
    CHECK(s.router().dead().messages() == 1);
    CHECK(s.router().dead().bytes() <= 2000);
    s.create("bob");
    s.send(1, "alice", "bob", {std::string(3000, 'x')});
    s.router().delete_node("bob", s.now, s.outbox);
    CHECK(s.router().dead().messages() == 1);  // it is larger than all may be, and nobody goes for it
    CHECK(s.router().dead().too_large() == 1);
    CHECK(s.router().dead().buried() >= 6);
}

TEST_CASE("a letter larger than all may be together costs no other one, and its reader hears that it was not taken") {
    broker::Config config;
    config.dead_letter_bytes = 2000;
    Scene s(config);
    s.attach(2, "bob");
    CHECK(s.nack("alice", "bob", wire::kDeadLetterType, "1").empty());
    CHECK(s.nack("alice", "bob", wire::kDeadLetterType, "2").empty());
    const std::string two = "refused alice>bob 1, refused alice>bob 2";
    CHECK(s.nack("alice", "bob", wire::kDeadLetterType, std::string(3000, 'x')) == "3 too_large");
    CHECK(s.dead() == two);
    s.detach(2, "bob");
    s.send(1, "alice", "bob", {std::string(3000, 'x'), "3"}, {.ttl_ms = 100});
    s.pass(200);
    s.turn();
    CHECK(s.dead() == two + ", expired alice>bob 3");
    CHECK(s.router().dead().too_large() == 1);
}

TEST_CASE("without bytes for them no letters are kept, and a reader is told so") {
    broker::Config config;
    config.dead_letter_bytes = 0;
    Scene s(config);
    s.send(1, "alice", "bob", {"a"}, {.ttl_ms = 100});
    s.pass(200);
    s.turn();
    CHECK(s.router().dead().messages() == 0);
    CHECK(s.router().dead().buried() == 0);
    CHECK(s.router().dead().too_large() == 0);
    s.attach(2, "bob");
    CHECK(s.nack("alice", "bob") == "1 too_large");
}

TEST_CASE("a reader's letter is taken, a wrong one is not") {
    Scene s;
    s.attach(2, "bob");
    CHECK(s.nack("alice", "bob").empty());
    CHECK(s.dead() == "refused alice>bob {}");
    CHECK(s.router().dead().view(s.newest())->letter.detail == "no good");
    CHECK(s.router().dead().view(s.newest())->letter.priority == 7);
    CHECK(s.nack("alice", "bob", "text") == "2 invalid_argument");
    CHECK(s.nack("alice", "no name!") == "3 invalid_argument");
    CHECK(s.nack("", "bob") == "4 invalid_argument");
    CHECK(s.router().dead().messages() == 1);
    s.send(1, "alice", wire::kDeadLetters, {"plain"});
    CHECK(s.outcomes(1) == "1 invalid_argument");
}

TEST_CASE("a requeued letter is in its mailbox as it was, and no longer dead") {
    Scene s;
    s.attach(2, "bob");
    s.nack("alice", "bob");
    const std::uint64_t id = s.newest();
    CHECK(s.router().requeue(id, s.now) == ErrorCode::ok);
    CHECK(s.router().dead().messages() == 0);
    s.turn();
    CHECK(s.delivered(2) == "{}");
    CHECK(s.router().requeue(id, s.now) == ErrorCode::deleted);
    const broker::Node& bob = *s.state().directory.node("bob");
    s.router().browser().peek({1, 1}, bob, 5, s.now, s.outbox);
    s.turn();
    REQUIRE(s.browse_answers.size() == 1);
    const broker::MessagePreview& preview = s.browse_answers[0].messages.at(0);
    CHECK(preview.sender == "alice");
    CHECK(preview.type == "json");
    CHECK(preview.priority == 7);
}

TEST_CASE("a letter that cannot be put back stays") {
    broker::Config config;
    config.mailbox_messages = 1;
    Scene s(config);
    s.attach(2, "bob");
    s.nack("alice", "bob");
    s.send(1, "alice", "bob", {"fills it"});
    CHECK(s.router().requeue(s.newest(), s.now) == ErrorCode::mailbox_full);
    s.detach(2, "bob");
    s.router().delete_node("bob", s.now, s.outbox);
    CHECK(s.router().dead().messages() == 2);
    CHECK(s.router().requeue(s.newest(), s.now) == ErrorCode::no_such_node);
    CHECK(s.router().dead().messages() == 2);
}

TEST_CASE("a letter holds a message with all that it had") {
    std::string record, out;
    wire::append_record(record, "image/png", wire::encode_headers({{"reason", "mine"}, {"id", "7"}}),
                        std::string("\0\xff", 2));
    wire::append_dead_letter(
        out, {wire::kReasonExpired, std::string(600, 'd'), "alice", "bob", "team", 9, 123456789, record});
    wire::Reader in(out);
    const auto outer = wire::read_record(in);
    REQUIRE(outer);
    const auto letter = wire::read_dead_letter(*outer);
    REQUIRE(letter);
    CHECK(letter->reason == "expired");
    CHECK(letter->detail.size() == wire::kDeadLetterDetail);
    CHECK(letter->sender == "alice");
    CHECK(letter->target == "bob");
    CHECK(letter->group == "team");
    CHECK(letter->priority == 9);
    CHECK(letter->arrival_us == 123456789);
    CHECK(letter->record == record);
    CHECK(wire::dead_letter_message(*letter)->type == "image/png");
    CHECK(wire::dead_letter_message(*letter)->payload == std::string("\0\xff", 2));
    CHECK(out.size() <= record.size() + wire::kDeadLetterOverhead);
    for (std::size_t cut = 0; cut + 1 < record.size(); ++cut) {  // not whole, or with something behind it
        const wire::RecordView broken{outer->type, outer->headers, std::string_view(record).substr(0, cut)};
        CHECK_FALSE(wire::read_dead_letter(broken));
    }
    CHECK_FALSE(wire::read_dead_letter({outer->type, outer->headers, record + "x"}));
    CHECK_FALSE(wire::read_dead_letter({outer->type, {}, record}));
}
