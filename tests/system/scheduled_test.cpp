// Messages that wait for their time, through libcast and a real broker with a store: by all three casts, with kill -9
// while they wait and while they go. What is said to a program that asks for delivery; what a rejecting broker says.
#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <random>
#include <set>
#include <string>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;
using std::chrono::milliseconds;
using std::chrono::system_clock;

namespace {

constexpr int kMessages = 240;
constexpr int kKills = 5;

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(system_clock::now().time_since_epoch()).count();
}

Message draw(int i, std::mt19937& random) {
    const std::string number = std::to_string(i);
    Message message = i % 3 == 0   ? Message::unicast("reader", number)
                      : i % 3 == 1 ? Message::multicast("team", number)
                                   : Message::broadcast(number);
    const milliseconds wait(random() % 3000);
    message.header("due", std::to_string(now_us() + wait.count() * 1000));
    if (random() % 2 == 0)
        message.delay(wait);
    else
        message.deliver_at(system_clock::now() + wait);
    return message;
}

}  // namespace

TEST_CASE("what was receipted for later comes once and not before its time, however often the broker is killed") {
    BrokerProcess broker({"--data"});
    Admin admin = administer(broker);
    must(admin.create_node("reader"));
    must(admin.join("team", {"reader"}));
    Node writer = attach(broker, "writer");
    Node reader = attach(broker, "reader");
    std::mt19937 random(7);
    for (int i = 0; i < kMessages; ++i) {
        must(writer.send(draw(i, random), Wait::receipt, scaled(30000)));
        if (i % (kMessages / kKills) != kMessages / kKills - 1) continue;
        broker.kill();
        broker.restart();
    }
    std::set<int> seen;
    while (seen.size() < kMessages) {
        const auto message = reader.receive(scaled(20000));
        REQUIRE_MESSAGE(message.ok(), "only " << seen.size() << " have come");
        const int number = std::stoi(std::string(message->payload()));
        CHECK_MESSAGE(seen.insert(number).second, number << " has come twice");
        const std::int64_t due_us = std::stoll(std::string(*message->header("due")));
        CHECK_MESSAGE(now_us() >= due_us - 1000, number << " came " << due_us - now_us() << " us early");
    }
    CHECK(nothing(reader, 300).empty());
    CHECK(must(admin.scheduled()).empty());
}

TEST_CASE("a program that asks for delivery waits for the time, too, and hears of a cancel") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    CHECK(bob.on_message([](const Message&) {}).ok());
    const auto begin = std::chrono::steady_clock::now();
    must(alice.send(Message::unicast("bob", "soon").with_delay(milliseconds(300)), Wait::delivered, scaled(10000)));
    CHECK(std::chrono::steady_clock::now() - begin >= milliseconds(300));

    must(alice.send(Message::unicast("bob", "never").with_delay(std::chrono::hours(1)), Wait::receipt, scaled(10000)));
    const auto waiting = must(admin.scheduled());
    REQUIRE(waiting.size() == 1);
    CHECK(waiting[0].target == "bob");
    CHECK(waiting[0].sender == "alice");
    CHECK(waiting[0].messages == 1);
    CHECK(waiting[0].due > system_clock::now() + std::chrono::minutes(59));
    CHECK(must(admin.cancel_scheduled({waiting[0].id})).size() == 1);
    CHECK(must(admin.cancel_scheduled({waiting[0].id})).empty());
    CHECK(alice.send(Message::unicast("bob", "x").with_delay(milliseconds(-1))).code() == ErrorCode::invalid_argument);
}

TEST_CASE("messages of one time and target share a batch, and different ones do not") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    Node alice = attach(broker, "alice");
    const auto at = system_clock::now() + std::chrono::hours(1);
    for (int i = 0; i < 1000; ++i) must(alice.send(Message::unicast("bob", "same").with_deliver_at(at)));
    for (int i = 0; i < 3; ++i)
        must(alice.send(Message::unicast("bob", "other").with_deliver_at(at + std::chrono::seconds(i + 1))));
    must(alice.flush(scaled(10000)));
    const auto waiting = must(admin.scheduled());
    CHECK(waiting.size() < 100);
    std::map<std::int64_t, std::uint64_t> by_time;
    for (const ScheduledInfo& late : waiting) by_time[late.due.time_since_epoch().count()] += late.messages;
    REQUIRE(by_time.size() == 4);
    CHECK(by_time.begin()->second == 1000);
}

TEST_CASE("a broker that rejects lets nobody wait for room; one that blocks does") {
    for (const bool rejects : {true, false}) {
        CAPTURE(rejects);
        BrokerProcess broker({"--mailbox-messages", "1", "--when-full", rejects ? "reject" : "block"});
        Admin admin = administer(broker);
        must(admin.create_node("bob"));
        Node alice = attach(broker, "alice");
        must(alice.send(Message::unicast("bob", "1"), Wait::receipt, scaled(10000)));
        const auto begin = std::chrono::steady_clock::now();
        const auto second = alice.send(Message::unicast("bob", "2"), Wait::receipt, milliseconds(700));
        CHECK(second.code() == ErrorCode::mailbox_full);
        const auto took = std::chrono::steady_clock::now() - begin;
        if (!rejects) CHECK(took >= milliseconds(600));
        Node bob = attach(broker, "bob");
        CHECK(next(bob) == "1");
        CHECK(nothing(bob).empty());  // who was told that it is not taken does not find it later
        must(alice.send(Message::unicast("bob", "3"), Wait::receipt, scaled(10000)));
        CHECK(next(bob) == "3");
    }
}
