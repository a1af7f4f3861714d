// Who holds a node: one session at a time; taking over, dying, vanishing, deleting. A real broker, the real library
// and nodectl as the program that dies.
#include <doctest/doctest.h>
#include <signal.h>

#include <atomic>
#include <mutex>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

namespace {

/// Another program that receives as `name`; returns once it does.
Process other_reader(BrokerProcess& broker, Admin& admin, const std::string& name) {
    Process reader({program("nodectl"), "--broker", broker.url(), "recv", name, "--raw"}, broker.path(name + ".out"),
                   broker.path(name + ".err"));
    if (!eventually([&] { return attached(admin, name); }))
        fail_test(name + " does not attach: " + read_file(broker.path(name + ".err")));
    return reader;
}

std::uint64_t queued(Admin& admin, const std::string& name) { return must(admin.node(name)).queued; }

}  // namespace

TEST_CASE("a node has one receiver: another session gets name_in_use") {
    BrokerProcess broker;
    Node bob = attach(broker, "bob");
    CHECK(Node::attach("bob", broker.options()).code() == ErrorCode::name_in_use);
    CHECK(bob.connection().attach("bob").code() == ErrorCode::name_in_use);
    Node sender = attach(broker, "bob", [](Options& o) { o.send_only = true; });  // to send as bob is free
    must(sender.unicast("bob", "from bob elsewhere"));
    const Message message = must(bob.receive(scaled(10000)));
    CHECK(message.payload() == "from bob elsewhere");
    CHECK(message.sender() == "bob");
}

TEST_CASE("a holder that is busy in its program keeps its node") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    std::atomic<bool> inside{false}, leave{false};
    must(bob.on_message([&](const Message&) {
        inside = true;
        (void)eventually([&] { return leave.load(); });
    }));
    must(alice.unicast("bob", "work"));
    REQUIRE(eventually([&] { return inside.load(); }));
    CHECK(Node::attach("bob", broker.options()).code() == ErrorCode::name_in_use);
    leave = true;
}

TEST_CASE("taking over ends the earlier receiver, which is told, and hands its unacknowledged rest over") {
    BrokerProcess broker;
    std::mutex mutex;
    std::vector<std::string> notices;
    Node alice = attach(broker, "alice");
    Node first = attach(broker, "bob", [&](Options& o) {
        o.manual_ack = true;
        o.on_notice = [&](const Notice& n) {
            const std::lock_guard lock(mutex);
            if (n.kind == Notice::Kind::taken_over) notices.push_back(n.node);
        };
    });
    must(alice.unicast("bob", "handled by neither"));
    CHECK(next(first) == "handled by neither");
    Node second = attach(broker, "bob", [](Options& o) { o.take_over = true; });
    const Message again = must(second.receive(scaled(10000)));
    CHECK(again.payload() == "handled by neither");
    CHECK(again.redelivered());
    CHECK(first.receive(scaled(10000)).code() == ErrorCode::taken_over);
    CHECK(first.receive(milliseconds(0)).code() == ErrorCode::taken_over);
    first.ack();  // counts for nothing: only the holder's does
    must(alice.unicast("bob", "for the second"));
    CHECK(next(second) == "for the second");
    CHECK(eventually([&] {
        const std::lock_guard lock(mutex);
        return notices == std::vector<std::string>{"bob"};
    }));
}

TEST_CASE("taking over from an earlier reader of the same connection") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    Connection connection = must(Connection::open(broker.options([](Options& o) {
        o.manual_ack = true;
        o.take_over = true;
    })));
    Node first = must(connection.attach("bob"));
    must(alice.unicast("bob", "handled"));
    CHECK(next(first) == "handled");
    first.ack();
    must(alice.unicast("bob", "in hand"));
    CHECK(next(first) == "in hand");
    Node second = must(connection.attach("bob"));
    CHECK(first.receive(milliseconds(0)).code() == ErrorCode::taken_over);
    CHECK(first.unicast("alice", "too late").code() == ErrorCode::taken_over);
    first.ack();                            // counts for nothing: only the holder's does
    { const Node gone(std::move(first)); }  // an earlier reader's end is not the holder's
    Node last = must(connection.attach("bob"));
    const Message again = must(last.receive(scaled(10000)));
    CHECK(again.payload() == "in hand");
    CHECK(again.redelivered());
    last.ack();
    must(last.send(Message::unicast("bob", "of its own"), Wait::receipt));
    CHECK(next(last) == "of its own");
}

TEST_CASE("a holder that was killed hands over at once, with what it had not acknowledged") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    Process reader = other_reader(broker, admin, "bob");
    reader.signal(SIGSTOP);
    for (int i = 0; i < 20; ++i) must(alice.send(Message::unicast("bob", std::to_string(i)), Wait::receipt));
    reader.kill();
    const auto begin = std::chrono::steady_clock::now();
    Node bob = attach(broker, "bob");
    CHECK(std::chrono::steady_clock::now() - begin < scaled(3000));
    for (int i = 0; i < 20; ++i) {
        const Message message = must(bob.receive(scaled(10000)));
        CHECK(message.payload() == std::to_string(i));
        CHECK(message.redelivered());
    }
}

TEST_CASE("a holder that hangs for a second hands over, and is told when it wakes up") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Process reader = other_reader(broker, admin, "bob");
    reader.signal(SIGSTOP);
    {
        const auto begin = std::chrono::steady_clock::now();
        Node bob = attach(broker, "bob");
        const auto took = std::chrono::steady_clock::now() - begin;
        CHECK(took >= milliseconds(900));
        CHECK(took < scaled(4000));
        reader.signal(SIGCONT);
        CHECK(reader.wait(scaled(10000)) == exit_code(ErrorCode::taken_over));
        CHECK(read_file(broker.path("bob.err")).find("taken_over") != std::string::npos);
    }
}

TEST_CASE("a node made by attaching vanishes with its program after the grace time, a created one stays") {
    BrokerProcess broker({"--grace-time", "500ms", "--ping-interval", "100ms", "--dead-after", "1s"});
    Admin admin = administer(broker);
    must(admin.create_node("stays"));
    Node alice = attach(broker, "alice");
    Process transient = other_reader(broker, admin, "transient"), stays = other_reader(broker, admin, "stays");
    transient.signal(SIGSTOP);
    stays.signal(SIGSTOP);
    must(alice.send(Message::unicast(std::vector<std::string>{"transient", "stays"}, "x"), Wait::receipt));
    transient.kill();
    stays.kill();
    // The grace time begins after the last look that found the node attached.
    auto seen = std::chrono::steady_clock::now();
    REQUIRE(eventually([&] {
        const auto checked_at = std::chrono::steady_clock::now();
        if (!attached(admin, "transient")) return !attached(admin, "stays");
        seen = checked_at;
        return false;
    }));
    REQUIRE(eventually([&] { return gone(admin, "transient"); }));
    CHECK(std::chrono::steady_clock::now() - seen >= milliseconds(450));
    CHECK(queued(admin, "stays") == 1);
    CHECK(alice.send(Message::unicast("transient", "x"), Wait::receipt).code() == ErrorCode::no_such_node);
}

TEST_CASE("a node that detaches vanishes at once, and its groups with their last member") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Node alice = attach(broker, "alice");
    {
        Node bob = attach(broker, "bob");
        must(bob.join("team"));
        must(alice.send(Message::unicast("bob", "never read"), Wait::receipt));
        CHECK(must(admin.group("team")).members.size() == 1);
    }
    CHECK(eventually([&] { return gone(admin, "bob"); }, 2000));
    CHECK(admin.group("team").code() == ErrorCode::no_such_group);
    CHECK(alice.send(Message::unicast("bob", "x"), Wait::receipt).code() == ErrorCode::no_such_node);
    Node bob = attach(broker, "bob");  // a new one of the old name has nothing of the old one's
    CHECK(nothing(bob) == "");
}

TEST_CASE("who receives as a node that is deleted is told, and cannot send as it any more") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    std::atomic<int> answered{0};
    Node alice = attach(broker, "alice");
    Node bob = attach(broker, "bob", [&](Options& o) {
        o.on_notice = [&](const Notice& n) { answered += n.kind == Notice::Kind::deleted && n.node == "bob"; };
    });
    must(admin.delete_node("bob"));
    CHECK(bob.receive(scaled(10000)).code() == ErrorCode::deleted);
    CHECK(eventually([&] { return answered == 1; }));
    CHECK(bob.unicast("alice", "from beyond").code() == ErrorCode::deleted);
    must(bob.flush(scaled(5000)));
    CHECK(nothing(alice) == "");
}
