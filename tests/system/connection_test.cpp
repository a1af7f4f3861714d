// Connections: many nodes, many threads, several of them in one process, bad addresses, ipc ends. A real broker, the
// real library.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

namespace {

std::string number(int i) { return std::to_string(i); }

/// Checks that what comes is "<thread>.<number>", each thread's numbers in order; returns how many came.
int read_ordered(Node& node, int threads, int each) {
    std::vector<int> expected(static_cast<std::size_t>(threads), 0);
    int count = 0;
    for (; count < threads * each; ++count) {
        const std::string payload = next(node);
        const std::size_t dot = payload.find('.');
        if (dot == std::string::npos) break;
        const std::size_t thread = std::stoul(payload.substr(0, dot));
        if (std::stoi(payload.substr(dot + 1)) != expected[thread]++) break;
    }
    return count;
}

/// How often what the PUB had not brought was fetched.
int repaired(Admin& admin) {
    const std::string stats = must(admin.stats()), key = "\"repaired_gaps\":";
    return std::stoi(stats.substr(stats.find(key) + key.size()));
}

}  // namespace

TEST_CASE("many threads send on one node, which receives meanwhile, and each thread's order is kept") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    constexpr int kThreads = 4, kEach = 4000;
    std::vector<std::thread> senders;
    for (int t = 0; t < kThreads; ++t)
        senders.emplace_back([&, t] {
            for (int i = 0; i < kEach; ++i) {
                if (!alice.unicast("bob", number(t) + "." + number(i))) return;
                if (i % 1000 == 0) (void)alice.flush(scaled(10000));
            }
        });
    std::thread back([&] {
        for (int i = 0; i < 1000; ++i) (void)bob.unicast("alice", number(i));
    });
    std::thread reader([&] {
        for (int i = 0; i < 1000; ++i) CHECK(next(alice) == number(i));
    });
    CHECK(read_ordered(bob, kThreads, kEach) == kThreads * kEach);
    for (auto& sender : senders) sender.join();
    back.join();
    reader.join();
    CHECK(alice.flush(scaled(10000)).ok());
}

TEST_CASE("a connection carries a thousand nodes, each with its own mailbox, groups and broadcasts") {
    BrokerProcess broker;
    Connection connection = must(Connection::open(broker.options()));
    std::vector<std::string> names;
    for (int i = 0; i < 1200; ++i) names.push_back("node" + number(i));
    std::vector<Node> nodes = must(connection.attach_all(names));
    REQUIRE(nodes.size() == 1200);
    Admin admin = administer(broker);
    std::vector<std::string> even;
    for (int i = 0; i < 1200; i += 2) even.push_back(names[static_cast<std::size_t>(i)]);
    must(admin.join("even", even));
    Node alice = attach(broker, "alice");
    for (int i = 0; i < 1200; ++i) must(alice.unicast(names[static_cast<std::size_t>(i)], number(i)));
    must(alice.multicast("even", "even"));
    must(alice.broadcast("all"));
    int wrong = 0;
    for (int i = 0; i < 1200; ++i) {
        std::multiset<std::string> got, want{number(i), "all"};
        if (i % 2 == 0) want.insert("even");
        while (got.size() < want.size()) got.insert(next(nodes[static_cast<std::size_t>(i)]));
        wrong += got != want;
    }
    CHECK(wrong == 0);
    must(nodes[3].unicast("node5", "within the connection"));
    CHECK(next(nodes[5]) == "within the connection");
    must(alice.flush(scaled(10000)));
}

TEST_CASE("attaching many is all or nothing") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Node taken = attach(broker, "taken");
    Connection connection = must(Connection::open(broker.options()));
    CHECK(connection.attach_all({"free1", "taken", "free2"}).code() == ErrorCode::name_in_use);
    CHECK(connection.attach_all({"free1", "a/b"}).code() == ErrorCode::invalid_name);
    CHECK(connection.attach_all({"free1", "free1"}).code() == ErrorCode::name_in_use);
    CHECK(eventually([&] { return must(admin.nodes()).size() == 1; }));
    CHECK(must(connection.attach_all({"free1", "free2"})).size() == 2);
}

TEST_CASE("two connections of one process, to two brokers, keep out of each other's way") {
    BrokerProcess one, two;
    Node a1 = attach(one, "alice"), a2 = attach(two, "alice");
    Node b1 = attach(one, "bob"), b2 = attach(two, "bob");
    must(a1.unicast("bob", "at one"));
    must(a2.unicast("bob", "at two"));
    must(a1.broadcast("all at one"));
    const std::set<std::string> both{next(b1), next(b1)};  // between two targets no order is promised
    CHECK(both == std::set<std::string>{"all at one", "at one"});
    CHECK(next(b2) == "at two");
    CHECK(nothing(b2) == "");
}

TEST_CASE("a node may be moved while it sends, receives and calls back") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    std::atomic<int> called{0};
    Node bob = attach(broker, "bob");
    must(bob.on_message([&](const Message&) { ++called; }));
    std::vector<Node> moved;
    moved.push_back(std::move(bob));
    for (int i = 0; i < 50; ++i) {
        must(alice.unicast("bob", "x"));
        moved.push_back(std::move(moved.back()));
        Node there = std::move(alice);
        alice = std::move(there);
    }
    CHECK(eventually([&] { return called == 50; }));
    Admin admin = administer(broker);
    alice = attach(broker, "another");  // the one assigned to is let go
    CHECK(eventually([&] { return gone(admin, "alice"); }));
    CHECK(alice.name() == "another");
    moved.clear();
    CHECK(eventually([&] { return gone(admin, "bob"); }));
}

TEST_CASE("copies of a connection share it, and it closes with the last of them and its nodes") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    std::unique_ptr<Node> bob;
    {
        Connection connection = must(Connection::open(broker.options()));
        Connection copy = connection;
        CHECK(copy.connected());
        CHECK(copy.broker_version() == "0.1.0");
        bob = std::make_unique<Node>(must(copy.attach("bob")));
    }
    CHECK(attached(admin, "bob"));
    CHECK(bob->connection().connected());
    const std::string two_connections = "\"connections\":2,";
    CHECK(must(admin.stats()).find(two_connections) != std::string::npos);
    bob.reset();
    CHECK(eventually([&] { return must(admin.stats()).find("\"connections\":1,") != std::string::npos; }));
}

TEST_CASE("an address at which nobody answers is unreachable within the connect timeout") {
    const int silent = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(silent, plain, size) == 0);
    REQUIRE(getsockname(silent, plain, &size) == 0);
    const std::string url = "tcp://127.0.0.1:" + number(ntohs(address.sin_port));
    for (bool listening : {false, true}) {
        if (listening) REQUIRE(listen(silent, 8) == 0);
        for (const std::string& end : {url, std::string("ipc:///no/such/socket")}) {
            CAPTURE(end);
            Options options;
            options.broker = end;
            options.connect_timeout = milliseconds(300);
            const auto begin = std::chrono::steady_clock::now();
            CHECK(Node::attach("alice", options).code() == ErrorCode::unreachable);
            const auto took = std::chrono::steady_clock::now() - begin;
            CHECK(took >= milliseconds(290));
            CHECK(took < milliseconds(300) + scaled(1500));
        }
    }
    close(silent);
}

TEST_CASE("addresses that are none are invalid_argument at once") {
    for (const std::string& end : std::vector<std::string>{
             "nonsense", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:notaport", "tcp://127.0.0.1:99999",
             "tcp://127.0.0.1:0", "tcp://::1:5570", "http://127.0.0.1:80", "ipc://", "inproc://x"}) {
        CAPTURE(end);
        Options options;
        options.broker = end;
        options.connect_timeout = milliseconds(2000);
        const auto begin = std::chrono::steady_clock::now();
        CHECK(Connection::open(options).code() == ErrorCode::invalid_argument);
        CHECK(Node::attach("alice", options).error().text().find(end + "' is no address") != std::string::npos);
        CHECK(std::chrono::steady_clock::now() - begin < milliseconds(1500));
    }
}

TEST_CASE("a library that has nothing to do takes hardly any processor time") {
    BrokerProcess broker;
    std::vector<Node> nodes;
    for (int i = 0; i < 5; ++i) nodes.push_back(attach(broker, "node" + number(i)));
    must(nodes[0].join("team"));
    must(nodes[1].on_message([](const Message&) {}));
    must(nodes[2].multicast("team", "the last word"));
    CHECK(next(nodes[0]) == "the last word");
    auto cpu = [] {
        rusage used{};
        getrusage(RUSAGE_SELF, &used);
        return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    };
    std::this_thread::sleep_for(milliseconds(300));  // acknowledgements and tails come to rest
    const double before = cpu();
    CHECK(nodes[0].receive(milliseconds(1500)).code() == ErrorCode::timed_out);
    CHECK(cpu() - before < 0.075 * static_cast<double>(scaled(1).count()));
}

TEST_CASE("all three casts work over ipc ends, and between ipc and tcp") {
    Folder folder;
    const std::string router = "ipc://" + (folder / "router"), pub = "ipc://" + (folder / "pub");
    BrokerProcess broker(
        {"--bind", router, "--bind", "tcp://127.0.0.1:0", "--publish", pub, "--publish", "tcp://127.0.0.1:0"});
    std::string endpoints = read_file(broker.path("ends"));
    const std::size_t at = endpoints.find("bind=tcp://") + 5;
    const std::string tcp = endpoints.substr(at, endpoints.find('\n', at) - at);
    REQUIRE(broker.url() == router);
    Node alice = attach(broker, "alice");
    Node bob = attach(broker, "bob", [&](Options& o) { o.broker = tcp; });
    must(bob.join("team"));
    must(alice.join("team"));
    Admin admin = administer(broker);
    // A subscription takes a moment to reach the PUB; what goes out before it does is repaired, so not on the first
    // turn.
    CHECK(eventually([&] {
        const int before = repaired(admin);
        for (Node* from : {&alice, &bob}) {
            Node& to = from == &alice ? bob : alice;
            must(from->unicast(to.name(), "unicast"));
            CHECK(next(to) == "unicast");
            must(from->multicast("team", "multicast"));
            CHECK(next(to) == "multicast");
            must(from->broadcast("broadcast"));
            CHECK(next(to) == "broadcast");
        }
        return repaired(admin) == before;
    }));
}
