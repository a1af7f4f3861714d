// Sessions over cut connections and brokers that go and come back. A real broker, the real library, a relay that cuts.
#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "support/broker_process.hpp"
#include "support/proxy.hpp"

using namespace cast;
using namespace cast::test;

namespace {

/// What on_notice told, by kind.
struct Notices {
    std::atomic<int> connected{0}, disconnected{0}, gaps{0}, expired{0};
    void listen(Options& o) {
        o.on_notice = [this](const Notice& n) {
            connected += n.kind == Notice::Kind::connected;
            disconnected += n.kind == Notice::Kind::disconnected;
            gaps += n.kind == Notice::Kind::gap;
            expired += n.kind == Notice::Kind::session_expired;
        };
    }
};

/// Cuts the proxy's connections at random moments until it goes out of scope.
class Cutter {
public:
    explicit Cutter(Proxy& proxy)
        : thread_([this, &proxy] {
              std::mt19937 random(7);
              while (!stop_) {
                  std::this_thread::sleep_for(milliseconds(20 + random() % 80));
                  proxy.cut();
              }
          }) {}
    ~Cutter() {
        stop_ = true;
        thread_.join();
    }

private:
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

/// Reads until number `last`; returns a description of the first number that is not the next one, or nothing.
std::string read_numbers(Node& node, int last) {
    for (int want = 0; want <= last; ++want) {
        const std::string got = next(node, 30000);
        if (got != std::to_string(want)) return got + " instead of " + std::to_string(want);
    }
    return {};
}

}  // namespace

TEST_CASE("numbered unicasts all arrive once and in order though the connections are cut again and again") {
    BrokerProcess broker;
    Proxy proxy(broker.url());
    Notices notices;
    auto through = [&](Options& o) {
        o.broker = proxy.url();
        o.send_timeout = scaled(60000);
        notices.listen(o);
    };
    Node alice = attach(broker, "alice", through), bob = attach(broker, "bob", through);
    constexpr int kAtLeast = 2000;
    std::atomic<int> sent{0};
    std::atomic<bool> enough{false};
    std::string fault;
    {
        Cutter cutter(proxy);
        std::thread sender([&] {
            while (!enough || sent < kAtLeast) {
                if (!alice.unicast("bob", std::to_string(sent))) break;
                ++sent;
                if (sent % 50 == 0) std::this_thread::sleep_for(milliseconds(1));
            }
        });
        CHECK(eventually([&] { return proxy.cuts() >= 40; }, 20000));
        enough = true;
        sender.join();
        fault = read_numbers(bob, sent - 1);
    }
    CHECK(fault == "");
    CHECK(sent >= kAtLeast);
    must(alice.flush(scaled(30000)));
    CHECK(nothing(bob, 200) == "");
    CHECK(notices.disconnected >= 10);
    CHECK(notices.gaps == 0);
    CHECK(notices.expired == 0);
}

TEST_CASE("numbered multicasts all arrive once and in order at members whose connections are cut again and again") {
    BrokerProcess broker;
    Proxy proxy(broker.url());
    Notices notices;
    auto through = [&](Options& o) {
        o.broker = proxy.url();
        notices.listen(o);
    };
    Node alice = attach(broker, "alice", through);
    Node bob = attach(broker, "bob", through), carol = attach(broker, "carol", through);
    must(bob.join("team"));
    must(carol.join("team"));
    std::atomic<int> sent{0};
    std::string fault_bob, fault_carol;
    {
        Cutter cutter(proxy);
        while (proxy.cuts() < 60 && sent < 100000) {
            must(alice.multicast("team", std::to_string(sent++)));
            if (sent % 20 == 0) std::this_thread::sleep_for(milliseconds(1));
        }
        std::thread other([&] { fault_carol = read_numbers(carol, sent - 1); });
        fault_bob = read_numbers(bob, sent - 1);
        other.join();
    }
    CHECK(fault_bob == "");
    CHECK(fault_carol == "");
    must(alice.flush(scaled(30000)));
    CHECK(nothing(bob, 100) == "");
    CHECK(notices.gaps == 0);
}

TEST_CASE("refusals, requests and management calls survive a cut connection") {
    BrokerProcess broker;
    Proxy proxy(broker.url());
    auto through = [&](Options& o) { o.broker = proxy.url(); };
    Node client = attach(broker, "client", through), server = attach(broker, "server");
    Admin admin(client.connection());
    admin.set_timeout(scaled(20000));
    must(server.on_message([&](const Message& m) { (void)server.reply(m, m.payload()); }));
    Cutter cutter(proxy);
    int round = 0;
    while (proxy.cuts() < 15) {
        const std::string text = std::to_string(round++);
        const auto answer = client.request("server", text, scaled(20000));
        REQUIRE(answer.code() == ErrorCode::ok);
        REQUIRE(answer->payload() == text);
        REQUIRE(client.send(Message::unicast("nobody", text), Wait::receipt, scaled(20000)).code() ==
                ErrorCode::no_such_node);
        REQUIRE(client.send(Message::unicast("server", text), Wait::receipt, scaled(20000)).code() == ErrorCode::ok);
        REQUIRE(admin.create_node("made").code() == ErrorCode::ok);
    }
}

TEST_CASE("a session goes on over a restart of the broker: groups are rejoined and what had no receipt is sent again") {
    BrokerProcess broker;
    Notices notices;
    Connection connection = must(Connection::open(broker.options([&](Options& o) { notices.listen(o); })));
    Node alice = must(connection.attach("alice")), bob = must(connection.attach("bob"));
    must(bob.join("team"));
    must(alice.send(Message::multicast("team", "before"), Wait::receipt));
    CHECK(next(bob) == "before");
    for (bool gently : {true, false}) {
        CAPTURE(gently);
        if (gently) {
            CHECK(broker.terminate() == 0);
        } else {
            broker.stop();  // so that it takes nothing of what follows
            must(alice.unicast("bob", "unicast 0"));
            broker.kill();
        }
        REQUIRE(eventually([&] { return !connection.connected(); }));
        for (int i = 1; i <= 3; ++i) must(alice.unicast("bob", "unicast " + std::to_string(i)));
        broker.restart();
        must(alice.multicast("team", "after"));
        std::string unicasts;
        bool multicast = false;
        for (int i = gently ? 1 : 0; i <= 4; ++i) {
            const std::string got = next(bob);
            multicast = multicast || got == "after";
            if (got != "after") unicasts += got + " ";
        }
        CHECK(unicasts == std::string(gently ? "" : "unicast 0 ") + "unicast 1 unicast 2 unicast 3 ");
        CHECK(multicast);
        must(alice.flush(scaled(10000)));
        CHECK(nothing(bob, 50) == "");
    }
    CHECK(notices.connected == 3);
    CHECK(notices.disconnected == 2);
}

TEST_CASE("nodes on connections of their own find each other again after the broker was killed under load") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Node alice = attach(broker, "alice", [](Options& o) { o.send_timeout = scaled(30000); });
    Node bob = attach(broker, "bob");
    must(bob.join("team"));
    std::atomic<bool> stop{false};
    std::atomic<int> sent{0};
    std::thread sender([&] {
        while (!stop) {
            (void)alice.unicast("bob", "u" + std::to_string(sent));
            (void)alice.multicast("team", "m" + std::to_string(sent++));
            if (sent % 10 == 0) std::this_thread::sleep_for(milliseconds(1));
        }
    });
    int last_u = -1, last_m = -1;
    bool ascending = true;
    auto read = [&](int count) {
        for (int i = 0; i < count; ++i) {
            const std::string got = next(bob, 20000);
            int& last = got[0] == 'u' ? last_u : last_m;
            const int number = got.find_first_of("0123456789") == 1 ? std::stoi(got.substr(1)) : -2;
            ascending = ascending && number > last;
            last = number;
        }
    };
    for (int round = 0; round < 3; ++round) {
        read(500);
        broker.kill();
        broker.restart();
        REQUIRE(eventually([&] { return attached(admin, "bob"); }));
    }
    read(500);
    stop = true;
    sender.join();
    CHECK(ascending);  // a memory broker may lose what it held; nothing comes twice
    (void)alice.flush(scaled(30000));
    must(alice.send(Message::unicast("bob", "u999999999"), Wait::receipt, scaled(20000)));
    while (last_u != 999999999 && ascending) read(1);
    CHECK(ascending);
}

TEST_CASE("a client that is told BYE connects to the broker that follows, and SIGTERM takes in what was sent") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    for (int i = 0; i < 2000; ++i) must(alice.unicast("bob", std::to_string(i)));
    const int code = broker.terminate();
    CHECK(code == 0);
    CHECK(broker.log().find("stopped") != std::string::npos);
    broker.restart();
    REQUIRE(eventually([&] { return attached(admin, "alice") && attached(admin, "bob"); }));
    (void)alice.flush(scaled(20000));
    must(alice.send(Message::unicast("bob", "new"), Wait::receipt, scaled(20000)));
    std::string got;
    for (int i = 0; i < 2001 && got != "new"; ++i) got = next(bob);
    CHECK(got == "new");
}

TEST_CASE("a session that comes back too late is told that the outcome of its last messages is unknown, and goes on") {
    BrokerProcess broker(
        {"--session-time", "1s", "--grace-time", "0s", "--ping-interval", "100ms", "--dead-after", "300ms"});
    Notices notices;
    Admin admin = administer(broker);
    must(admin.create_node("bob"));
    auto proxy = std::make_unique<Proxy>(broker.url());
    Node alice = attach(broker, "alice", [&](Options& o) {
        o.broker = proxy->url();
        notices.listen(o);
    });
    must(alice.send(Message::unicast("bob", "before"), Wait::receipt));
    const std::string port = proxy->url();
    broker.stop();
    must(alice.unicast("bob", "who knows"));
    std::this_thread::sleep_for(milliseconds(20));  // let it reach the proxy
    proxy->hold(true);
    broker.go_on();
    REQUIRE(eventually([&] { return must(admin.stats()).find("\"sessions\":1,") != std::string::npos; }));
    proxy->hold(false);
    CHECK(alice.flush(scaled(20000)).code() == ErrorCode::session_expired);
    CHECK(eventually([&] { return notices.expired == 1; }));
    must(alice.send(Message::unicast("bob", "after"), Wait::receipt, scaled(20000)));
}
