// The ledger: writers number their messages and note what was receipted, readers note what they handled, and the
// broker is killed with -9, or loses its power, at random moments. Afterwards: everything that was receipted was read,
// nothing was handed to a living reader twice, in order. CAST_LEDGER_KILLS says how often that happens (20).
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "support/broker_process.hpp"
#include "support/forgetful_disk.hpp"

using namespace cast;
using namespace cast::test;

namespace {

int kills() {
    const char* value = std::getenv("CAST_LEDGER_KILLS");
    return value == nullptr ? 20 : std::atoi(value);
}

/// Sends numbers by one kind of cast until told to stop, and knows through which of them all were receipted.
class Writer {
public:
    Writer(const BrokerProcess& broker, const std::string& name, CastKind kind)
        : kind_(kind), node_(attach(broker, name, [this](Options& o) {
              o.on_refused = [this](const Refusal&) { ++refused_; };
              o.on_notice = [this](const Notice& n) { unknown_ += n.kind == Notice::Kind::session_expired ? 1 : 0; };
          })) {
        thread_ = std::thread([this] { run(); });
    }
    ~Writer() { stop(); }
    void stop() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }
    int receipted() const { return receipted_; }
    int refused() const { return refused_; }
    int unknown() const { return unknown_; }

private:
    void send(const std::string& number) {
        for (;;) {
            const auto sent = kind_ == CastKind::unicast     ? node_.unicast("reader", number)
                              : kind_ == CastKind::multicast ? node_.multicast("team", number)
                                                             : node_.broadcast(number);
            if (sent || stop_) return;
        }
    }
    void run() {
        int next = 1;
        std::mt19937 random(static_cast<unsigned>(kind_));
        while (!stop_) {
            for (unsigned burst = 1 + random() % 40; burst > 0; --burst) send(std::to_string(next++));
            if (node_.flush(scaled(20000))) receipted_ = next - 1;
            std::this_thread::sleep_for(milliseconds(random() % 4));
        }
        if (node_.flush(scaled(20000))) receipted_ = next - 1;
    }

    CastKind kind_;
    std::atomic<bool> stop_{false};
    std::atomic<int> receipted_{0}, refused_{0}, unknown_{0};
    Node node_;
    std::thread thread_;
};

/// What one node has read, by sender: the numbers in the order in which they came.
class Reader {
public:
    Reader(const BrokerProcess& broker, const std::string& name) : node_(attach(broker, name)) {
        thread_ = std::thread([this] { run(); });
    }
    ~Reader() { stop(); }
    void stop() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }
    /// The last number of this sender that was read, and all before it were, once and in order; else the fault.
    int last(const std::string& sender) {
        const std::lock_guard lock(mutex_);
        return last_[sender];
    }
    std::string name() const { return std::string(node_.name()); }
    std::string fault() {
        const std::lock_guard lock(mutex_);
        return fault_;
    }

private:
    void run() {
        while (!stop_) {
            const auto message = node_.receive(milliseconds(20));
            if (!message) continue;
            const std::lock_guard lock(mutex_);
            int& last = last_[std::string(message->sender())];
            const int number = std::stoi(std::string(message->payload()));
            if (number != last + 1 && fault_.empty())
                fault_ = std::string(node_.name()) + " got " + std::to_string(number) + " of " +
                         std::string(message->sender()) + " after " + std::to_string(last);
            last = number;
        }
    }

    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::map<std::string, int> last_;
    std::string fault_;
    Node node_;
    std::thread thread_;
};

}  // namespace

namespace {

/// All three casts, while the broker ends at random moments; then everything that was receipted must have been read.
void keep_the_ledger(BrokerProcess& broker, std::mt19937& random, const std::function<void()>& end) {
    {
        Admin admin = administer(broker);
        for (const char* name : {"reader", "member", "uni", "multi", "broad"}) must(admin.create_node(name));
        must(admin.join("team", {"reader", "member"}));
    }
    Reader reader(broker, "reader"), member(broker, "member");
    Writer uni(broker, "uni", CastKind::unicast), multi(broker, "multi", CastKind::multicast),
        broad(broker, "broad", CastKind::broadcast);
    for (int i = kills(); i > 0; --i) {
        std::this_thread::sleep_for(
            milliseconds(random() % (i % 5 == 0 ? 1000 : 120)));  // the long ones empty the log, too
        end();
        std::this_thread::sleep_for(milliseconds(random() % 30));
        broker.restart();
    }
    for (Writer* writer : {&uni, &multi, &broad}) {
        writer->stop();
        CHECK(writer->receipted() > 0);
        CHECK(writer->refused() == 0);
        CHECK(writer->unknown() == 0);
    }
    CHECK(eventually([&] { return reader.last("uni") == uni.receipted(); }, 30000));
    for (Reader* one : {&reader, &member}) {
        CAPTURE(one->name());
        CHECK(eventually([&] { return one->last("multi") == multi.receipted(); }, 30000));
        CHECK(eventually([&] { return one->last("broad") == broad.receipted(); }, 30000));
        one->stop();
        CHECK(one->fault() == "");
    }
    MESSAGE("receipted: " << uni.receipted() << " unicast, " << multi.receipted() << " multicast, " << broad.receipted()
                          << " broadcast");
}

}  // namespace

TEST_CASE("what was receipted is read, once and in order, however often the broker is killed") {
    BrokerProcess broker({"--data"});
    std::mt19937 random(std::random_device{}());
    keep_the_ledger(broker, random, [&] { broker.kill(); });
}

TEST_CASE("what was receipted is read, once and in order, however often the power is lost") {
    ForgetfulDisk disk;
    BrokerProcess broker(disk.flags());
    const std::filesystem::path data = broker.path("data");
    CHECK(disk.synced(data));
    CHECK(disk.synced(data.parent_path()));  // else the data directory itself may be gone
    std::mt19937 random(std::random_device{}());
    keep_the_ledger(broker, random, [&] {
        if (random() % 3 == 0)
            disk.kill(broker);  // the next start must not rely on what is there and not synced
        else
            disk.lose_power(broker, random);
    });
    CHECK(disk.spoiled() > 0);
    MESSAGE("lost or torn: " << disk.spoiled() << " of " << disk.changes() << " changes that were not synced");
}

TEST_CASE("mail, nodes, groups and memberships outlive a killed broker; the mail is marked redelivered") {
    BrokerProcess broker({"--data"});
    {
        Admin admin = administer(broker);
        must(admin.create_node("bob"));
        must(admin.join("team", {"bob"}));
        Node alice = attach(broker, "alice");
        must(alice.unicast("bob", "one"));
        must(alice.multicast("team", "two"));
        must(alice.flush(scaled(10000)));
        broker.kill();
    }
    broker.restart();
    Node bob = attach(broker, "bob");
    std::set<std::string> got{next(bob), next(bob)};
    CHECK(got == std::set<std::string>{"one", "two"});
    bob.ack();
    CHECK(nothing(bob) == "");
}

TEST_CASE("after an end in order the broker knows what was handed out, and a second broker is kept away") {
    BrokerProcess broker({"--data"});
    {
        Admin admin = administer(broker);
        must(admin.create_node("bob"));
        Node alice = attach(broker, "alice");
        must(alice.unicast("bob", "one"));
        must(alice.flush(scaled(10000)));
        Process second({program("cast-broker"), "--data", broker.path("data"), "--bind", "tcp://127.0.0.1:0",
                        "--publish", "tcp://127.0.0.1:0"},
                       broker.path("second"), broker.path("second"));
        CHECK(second.wait(scaled(10000)) == 1);
        CHECK(read_file(broker.path("second")).find("another cast-broker uses the data directory") !=
              std::string::npos);
    }
    CHECK(broker.terminate() == 0);
    broker.restart();
    Node bob = attach(broker, "bob");
    const auto message = bob.receive(scaled(10000));
    REQUIRE(message);
    CHECK(message->payload() == "one");
    CHECK_FALSE(message->redelivered());
}
