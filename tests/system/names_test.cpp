// Names of brokers: looked up beside everything else, each number tried, again at each attempt; IPv6. A name server of
// the tests' own; a real broker, or one that only says WELCOME where its PUB end is to have a name.
#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <zmq.hpp>

#include "support/broker_process.hpp"
#include "support/name_server.hpp"
#include "wire/frame.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::test;

namespace {

std::string host_of(const std::string& url) { return url.substr(6, url.rfind(':') - 6); }
std::string port_of(const std::string& url) { return url.substr(url.rfind(':') + 1); }

Options at(const std::string& url, int timeout_ms) {
    Options o;
    o.broker = url;
    o.connect_timeout = scaled(timeout_ms);
    return o;
}

/// Welcomes whoever comes, names its PUB end as it is told, and lets every node read one group's stream there.
class Greeter {
public:
    static constexpr std::uint64_t kStream = 77, kEpoch = 1;

    /// At this number ("127.0.0.1", "[::1]"); its PUB end is named with `publish_host`. Throws where there is no such
    /// number.
    Greeter(const std::string& number, const std::string& publish_host) {
        for (zmq::socket_t* socket : {&router_, &publisher_}) {
            socket->set(zmq::sockopt::ipv6, number.front() == '[');
            socket->set(zmq::sockopt::linger, 0);
            socket->set(zmq::sockopt::rcvtimeo, 20);
            socket->bind("tcp://" + number + ":*");
        }
        url_ = router_.get(zmq::sockopt::last_endpoint);
        publish_ = "tcp://" + publish_host + ":" + port_of(publisher_.get(zmq::sockopt::last_endpoint));
        thread_ = std::thread([this] { run(); });
    }
    ~Greeter() {
        stop_ = true;
        thread_.join();
    }
    const std::string& url() const { return url_; }
    /// Somebody reads the stream at the PUB end.
    bool subscribed() const { return subscribed_; }

private:
    void run() {
        const std::uint64_t topic = wire::publish_topic(kStream, kEpoch);
        while (!stop_) {
            zmq::message_t id, body, subscription;
            if (publisher_.recv(subscription, zmq::recv_flags::dontwait) && subscription.size() == 9 &&
                std::memcmp(subscription.data<char>() + 1, &topic, sizeof topic) == 0)
                subscribed_ = subscription.data<char>()[0] == 1;
            if (!router_.recv(id) || !router_.recv(body)) continue;
            const std::string said = answer(body.to_string());
            if (said.empty()) continue;
            router_.send(id, zmq::send_flags::sndmore);
            router_.send(zmq::buffer(said), zmq::send_flags::none);
        }
    }
    std::string answer(const std::string& bytes) const {
        wire::Frame frame;
        if (wire::read_frame(bytes, frame) != ErrorCode::ok) return {};
        if (frame.verb == wire::Verb::hello) {
            wire::Welcome welcome;
            welcome.epoch = kEpoch;
            welcome.known = true;
            welcome.ping_ms = 60000;
            welcome.version = "a greeter";
            welcome.publish = {publish_};
            return wire::encode(welcome);
        }
        wire::Attach attach;
        if (frame.verb != wire::Verb::attach || !wire::decode(frame.body, attach)) return {};
        wire::Attached attached;
        attached.request = attach.request;
        for (const auto& node : attach.nodes)
            attached.nodes.push_back({ErrorCode::ok, node.name, {{kStream, wire::kGroupStream, "team", 0, 0, 0}}});
        return wire::encode(attached);
    }

    zmq::context_t context_{1};
    zmq::socket_t router_{context_, zmq::socket_type::router}, publisher_{context_, zmq::socket_type::xpub};
    std::string url_, publish_;
    std::atomic<bool> stop_{false}, subscribed_{false};
    std::thread thread_;
};

}  // namespace

TEST_CASE("a silent name server holds up nobody but who asked it") {
    NameServer names;
    names.silence("broker.test");
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    std::atomic<bool> waiting{true};
    std::thread waits([&] {
        const auto node = Node::attach("zoe", at("tcp://broker.test:" + port_of(broker.url()), 60000));
        CHECK(node.ok());
        waiting = false;
    });
    REQUIRE(eventually([&] { return names.asked("broker.test") == 1; }));
    for (int i = 0; i < 200; ++i) {
        must(alice.send(Message::unicast("alice", std::to_string(i)), Wait::receipt));
        CHECK(next(alice) == std::to_string(i));
    }
    Node bob = attach(broker, "bob");  // new connections are made, too
    must(bob.join("team"));
    must(alice.multicast("team", "all"));
    CHECK(next(bob) == "all");
    CHECK(waiting);
    names.set("broker.test", {host_of(broker.url())});
    waits.join();
    CHECK(names.asked("broker.test") == 1);
}

TEST_CASE("who waits for a name is told so when the time is over, and one question is asked for all of them") {
    NameServer names;
    names.silence("broker.test");
    for (int i = 0; i < 3; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        const auto connection = Connection::open(at("tcp://broker.test:5570", 100));
        CHECK(connection.code() == ErrorCode::unreachable);
        CHECK(connection.error().text().find("broker.test is still being looked up") != std::string::npos);
        CHECK(std::chrono::steady_clock::now() - begin < scaled(5000));
    }
    CHECK(names.asked("broker.test") == 1);
    names.set("nobody.test", {});
    const auto connection = Connection::open(at("tcp://nobody.test:5570", 100));
    CHECK(connection.code() == ErrorCode::unreachable);
    CHECK(connection.error().text().find("nobody.test has no address") != std::string::npos);
}

TEST_CASE("a name is asked for again at each attempt, and each of its numbers is tried") {
    NameServer names;
    BrokerProcess broker;
    names.set("broker.test", {"127.255.255.253"});  // nobody listens there
    std::thread waits([&] {
        Node alice = must(Node::attach("alice", at("tcp://broker.test:" + port_of(broker.url()), 60000)));
        must(alice.join("team"));
        must(alice.send(Message::multicast("team", "to all").with_echo(true), Wait::receipt));
        CHECK(next(alice) == "to all");
    });
    CHECK(eventually([&] { return names.asked("broker.test") > 2; }));
    names.set("broker.test", {"127.255.255.253", "::1", host_of(broker.url())});
    waits.join();
}

TEST_CASE("a connection whose name server falls silent comes back to the number that it knew") {
    NameServer names;
    BrokerProcess broker;
    names.set("broker.test", {host_of(broker.url())});
    Node alice = must(Node::attach("alice", at("tcp://broker.test:" + port_of(broker.url()), 10000)));
    names.silence("broker.test");
    broker.kill();
    broker.restart();
    must(alice.send(Message::unicast("alice", "back"), Wait::receipt, scaled(20000)));
    CHECK(next(alice) == "back");
}

TEST_CASE("close() does not wait for a name server, and the last copy's end neither") {
    NameServer names;
    auto broker = std::make_unique<BrokerProcess>();
    names.set("broker.test", {host_of(broker->url())});
    Connection connection = must(Connection::open(at("tcp://broker.test:" + port_of(broker->url()), 10000)));
    Node alice = must(connection.attach("alice")),
         bob = must(Node::attach("bob", at("tcp://broker.test:" + port_of(broker->url()), 10000)));
    names.silence("broker.test");
    const int before = names.asked("broker.test");
    broker.reset();
    REQUIRE(eventually([&] { return names.asked("broker.test") > before; }));
    std::thread waits([&] { CHECK(alice.receive(scaled(60000)).code() == ErrorCode::closed); });
    const auto begin = std::chrono::steady_clock::now();
    connection.close();
    waits.join();
    { const Node gone = std::move(bob); }
    CHECK(std::chrono::steady_clock::now() - begin < scaled(10000));
}

TEST_CASE("localhost is both of its numbers, without being asked for") {
    BrokerProcess broker({"--bind", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0"});
    Node alice = must(Node::attach("alice", at("tcp://localhost:" + port_of(broker.url()), 10000)));
    must(alice.send(Message::unicast("alice", "x"), Wait::receipt));
    CHECK(next(alice) == "x");
}

TEST_CASE("a PUB end that has a name is looked up without holding up the rest") {
    NameServer names;
    names.silence("publish.test");
    Greeter greeter("127.0.0.1", "publish.test");
    Node alice = must(Node::attach("alice", at(greeter.url(), 10000)));
    REQUIRE(eventually([&] { return names.asked("publish.test") == 1; }));
    CHECK_FALSE(greeter.subscribed());
    Greeter other("127.0.0.1", "127.0.0.1");
    Node bob = must(Node::attach("bob", at(other.url(), 10000)));
    CHECK(eventually([&] { return other.subscribed(); }));
    names.set("publish.test", {"127.0.0.1"});
    CHECK(eventually([&] { return greeter.subscribed(); }));
}

TEST_CASE("a PUB end of the dialled name is at the number that was dialled") {
    NameServer names;
    names.set("broker.test", {"127.0.0.1"});
    Greeter greeter("127.0.0.1", "broker.test");
    Node alice = must(Node::attach("alice", at("tcp://broker.test:" + port_of(greeter.url()), 10000)));
    CHECK(eventually([&] { return greeter.subscribed(); }));
    CHECK(names.asked("broker.test") == 1);
}

TEST_CASE("over IPv6, by number and as localhost, with the PUB end at every interface") {
    std::unique_ptr<Greeter> greeter;
    try {
        greeter = std::make_unique<Greeter>("[::1]", "[::]");
    } catch (const zmq::error_t& error) {
        MESSAGE("skipped: there is no ::1 here: " << error.what());
        return;
    }
    for (const std::string& host : {std::string("[::1]"), std::string("localhost")}) {
        CAPTURE(host);
        const Node alice = must(Node::attach("alice", at("tcp://" + host + ":" + port_of(greeter->url()), 10000)));
        CHECK(alice.connection().broker_version() == "a greeter");
        CHECK(eventually([&] { return greeter->subscribed(); }));
    }
}
