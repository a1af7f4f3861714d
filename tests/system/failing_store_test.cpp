// A broker on a disk that fails: it says so, goes on with what it has, and recovers by itself; nothing is lost.
#include <doctest/doctest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "support/broker_process.hpp"
#include "support/failing_disk.hpp"

using namespace cast;
using namespace cast::test;
using nlohmann::json;

namespace {

struct Fixture {
    FailingDisk disk;
    BrokerProcess broker{disk.flags()};
    int sent = 0;  ///< numbers that alice was receipted, from 1 on

    Fixture() {
        Admin admin = administer(broker);
        must(admin.create_node("bob"));
        must(admin.create_node("alice"));
    }

    json stats(Admin& admin) { return json::parse(must(admin.stats())); }
    json status(Admin& admin) { return json::parse(must(admin.status())); }
    std::string trouble_of(Admin& admin) { return stats(admin)["store"]["trouble"]; }

    void send(Node& alice, int count, const std::string& filling = "") {
        for (int i = 0; i < count; ++i) must(alice.unicast("bob", std::to_string(++sent) + filling));
        must(alice.flush(scaled(20000)));
    }

    /// Everything that was receipted waits for bob, in order and once, after an end without a goodbye.
    void nothing_is_lost() {
        broker.kill();
        broker.restart();
        Node bob = attach(broker, "bob");
        for (int number = 1; number <= sent; ++number) {
            const auto message = bob.receive(scaled(10000));
            REQUIRE(message);
            REQUIRE(std::stoi(std::string(message->payload())) == number);
        }
        CHECK(nothing(bob) == "");
    }
    bool says(const char* text) const { return broker.log().find(text) != std::string::npos; }
};

/// Whether an admin hears of an event of this kind; it must have listened before.
bool hears(Admin& admin, const std::string& kind) {
    for (;;) {
        const auto event = admin.next_event(scaled(10000));
        if (!event) return false;
        if (event->kind == kind) return true;
    }
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "senders wait while the disk fails, what is there is delivered, and it goes on without a restart") {
    std::string orders;
    SUBCASE("the disk is full") { orders = "write cast.db-wal ENOSPC"; }
    SUBCASE("it cannot write") { orders = "write * EIO"; }
    SUBCASE("it can only be read") { orders = "write * EROFS"; }
    SUBCASE("it cannot sync") { orders = "sync cast.db-wal EIO"; }
    SUBCASE("it cannot sync, and what it could not is gone") { orders = "sync cast.db-wal lose"; }
    CAPTURE(orders);
    Node alice = attach(broker, "alice");
    send(alice, 10);
    Admin admin = administer(broker), watcher = administer(broker);
    (void)watcher.next_event(milliseconds(50));  // subscribes
    disk.fails(orders);
    must(alice.unicast("bob", std::to_string(++sent)));  // finds out
    CHECK(eventually(
        [&] { return alice.flush(milliseconds(100)).code() == ErrorCode::store_failed; }));  // told why it waits
    CHECK(eventually([&] { return status(admin)["status"] == "degraded"; }));
    const json store = stats(admin)["store"];
    CHECK(store["healthy"] == false);
    CHECK(store["failures"] > 0);
    CHECK(store["trouble"] != "");
    CHECK(eventually([&] { return says("the store fails"); }));
    CHECK(hears(watcher, "store_failed"));
    CHECK(admin.create_node("carol").code() == ErrorCode::store_failed);
    Node eve = attach(broker, "eve");  // who sends now waits, too, until its own time is over
    CHECK(eve.send(Message::unicast("bob", "perhaps"), Wait::receipt, scaled(500)).code() == ErrorCode::store_failed);
    Node bob = attach(broker, "bob");
    for (int number = 1; number <= 10; ++number) CHECK(next(bob) == std::to_string(number));
    disk.works();
    must(alice.flush(scaled(20000)));
    CHECK(eventually([&] { return status(admin)["status"] == "ok"; }));
    CHECK(eventually([&] { return says("the store takes messages again"); }));
    CHECK(hears(watcher, "store_well"));
    CHECK(next(bob) == "11");
    must(admin.create_node("carol"));
    { const Node done = std::move(bob); }  // else it comes back, and two want to be bob
    broker.kill();
    broker.restart();
    Node again = attach(broker, "bob");
    while (const auto message = again.receive(milliseconds(200)))  // at least what bob had not acknowledged, marked
        CHECK((message->redelivered() || message->payload() == "perhaps"));  // eve's may still have been taken
    CHECK(must(administer(broker).node("carol")).created);
}

TEST_CASE_FIXTURE(Fixture, "nothing that was receipted around a failing disk is lost to a kill") {
    std::string orders;
    SUBCASE("full") { orders = "write cast.db-wal ENOSPC"; }
    SUBCASE("no write") { orders = "write cast.db-wal EIO"; }
    SUBCASE("no sync") { orders = "sync cast.db-wal EIO"; }
    SUBCASE("lost pages") { orders = "sync cast.db-wal lose"; }
    CAPTURE(orders);
    Node alice = attach(broker, "alice");
    for (int round = 0; round < 5; ++round) {
        send(alice, 20);
        disk.fails(orders);
        for (int i = 0; i < 20; ++i) must(alice.unicast("bob", std::to_string(++sent)));
        const ErrorCode waits = alice.flush(milliseconds(100)).code();
        CHECK((waits == ErrorCode::timed_out || waits == ErrorCode::store_failed));
        disk.works();
        must(alice.flush(scaled(20000)));
    }
    nothing_is_lost();
}

TEST_CASE_FIXTURE(
    Fixture,
    "a log that cannot be brought into the file costs nobody anything, and is brought there later, all of it") {
    std::string orders;
    SUBCASE("full") { orders = "write /cast.db ENOSPC"; }
    SUBCASE("no write") { orders = "write /cast.db EIO"; }
    SUBCASE("no sync") { orders = "sync /cast.db EIO"; }
    SUBCASE("lost pages") { orders = "sync /cast.db lose"; }
    CAPTURE(orders);
    const std::string filling = " " + std::string(20000, 'x');
    Node alice = attach(broker, "alice");
    Admin admin = administer(broker);
    send(alice, 10);
    disk.fails(orders);
    for (int round = 0; round < 60 && trouble_of(admin).empty(); ++round) send(alice, 50, filling);
    const std::string trouble = trouble_of(admin);
    CHECK(trouble.find("bringing the log into the file") != std::string::npos);
    CHECK(stats(admin)["store"]["healthy"] == true);
    CHECK(status(admin)["status"] == "degraded");
    disk.works();
    for (int round = 0; round < 60 && !trouble_of(admin).empty(); ++round) send(alice, 50, filling);
    CHECK(eventually([&] { return status(admin)["status"] == "ok"; }));
    nothing_is_lost();
}

TEST_CASE_FIXTURE(Fixture, "trouble with the log is over when the disk's is, though nobody sends any more") {
    const std::string filling = " " + std::string(20000, 'x');
    Node alice = attach(broker, "alice");
    Admin admin = administer(broker);
    disk.fails("write /cast.db ENOSPC");
    for (int round = 0; round < 60 && trouble_of(admin).empty(); ++round) send(alice, 50, filling);
    REQUIRE(stats(admin)["store"]["healthy"] == true);
    disk.fails(
        "write cast.db-wal ENOSPC");  // so that the log can be brought into the file, before there is room in it again
    must(alice.unicast("bob", std::to_string(++sent)));
    CHECK(eventually([&] { return stats(admin)["store"]["healthy"] == false; }));
    disk.works();
    must(alice.flush(scaled(20000)));
    CHECK(eventually([&] { return status(admin)["status"] == "ok"; }));
    CHECK(eventually([&] { return says("the store takes messages again"); }));
    nothing_is_lost();
}

TEST_CASE_FIXTURE(Fixture, "a disk that takes seconds delays receipts and nothing else, and it is said") {
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    Admin admin = administer(broker), watcher = administer(broker);
    (void)watcher.next_event(milliseconds(50));  // subscribes
    send(alice, 1);
    CHECK(next(bob) == "1");
    disk.fails("sync cast.db-wal slow:2500");
    must(alice.unicast("bob", std::to_string(++sent)));
    CHECK(next(bob, 1500) == "2");
    CHECK(alice.flush(milliseconds(300)).code() == ErrorCode::timed_out);
    CHECK(eventually([&] { return status(admin)["status"] == "degraded"; }));
    CHECK(std::string(status(admin)["reasons"][0]).find("the disk is slow") != std::string::npos);
    disk.works();
    must(alice.flush(scaled(20000)));
    CHECK(eventually([&] { return status(admin)["status"] == "ok"; }));
    CHECK(eventually([&] { return says("the slow disk has done it"); }));
    CHECK(hears(watcher, "store_slow"));
    CHECK(hears(watcher, "store_well"));
}

TEST_CASE_FIXTURE(Fixture, "a start believes only what it has written and synced itself") {
    Node alice = attach(broker, "alice");
    send(alice, 10);
    broker.kill();
    disk.fails("sync cast.db-wal EIO");
    CHECK_THROWS(broker.restart());  // the log of the killed one is there, and cannot be synced
    CHECK(says("cannot sync"));
    disk.works();
    broker.restart();
    Node bob = attach(broker, "bob");
    for (int number = 1; number <= sent; ++number) CHECK(next(bob) == std::to_string(number));
}
