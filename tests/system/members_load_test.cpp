// Groups and broadcast at size: many messages to members of which one is slow, one broadcast to very many nodes. A real
// broker, the real library. Needs the whole machine.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

namespace {

bool sanitized() {
    const char* value = std::getenv("CAST_SANITIZE");
    return value != nullptr && *value != 0;
}

/// Receives numbers until `count` have come in a row; pauses a little after every `pause_every`. Returns how many came.
int read_all(Node& node, int count, int pause_every, std::atomic<int>& finished) {
    int seen = 0;
    bool in_order = true;
    auto handle = [&](const Message& m) {
        in_order = in_order && m.payload() == std::to_string(seen);
        if (pause_every > 0 && seen % pause_every == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ++seen;
    };
    while (seen < count && in_order)
        if (!node.receive_some(handle, scaled(30000))) break;
    ++finished;
    return in_order ? seen : -seen;
}

}  // namespace

TEST_CASE("eight members each get all of 200,000 multicasts in order although one of them reads slowly") {
    const int messages = sanitized() ? 20000 : 200000;
    BrokerProcess broker;
    constexpr int kMembers = 8;
    std::vector<Node> members;
    for (int i = 0; i < kMembers; ++i) {
        members.push_back(attach(broker, "member" + std::to_string(i)));
        must(members.back().join("team"));
    }
    std::vector<int> got(kMembers);
    std::atomic<int> finished{0};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kMembers; ++i)
        threads.emplace_back([&, i] { got[i] = read_all(members[i], messages, i == 0 ? 100 : 0, finished); });
    Node sender = attach(broker, "sender", [](Options& o) { o.send_timeout = scaled(60000); });
    for (int i = 0; i < messages; ++i) must(sender.multicast("team", std::to_string(i)));
    must(sender.flush(scaled(60000)));
    for (auto& thread : threads) thread.join();
    for (int i = 0; i < kMembers; ++i) {
        CAPTURE(i);
        CHECK(got[static_cast<std::size_t>(i)] == messages);
        CHECK(nothing(members[static_cast<std::size_t>(i)], 0) == "");
    }
    CHECK((sanitized() || broker.process().peak_kib() < 200 * 1024));
}

TEST_CASE("a member's ten thousand large messages wait for it within the stream's limit, the rest is told as a gap") {
    BrokerProcess broker({"--group-bytes", "1MiB", "--hold-back", "0s"});
    Node sender = attach(broker, "sender");
    std::atomic<std::size_t> gap{0};
    std::atomic<bool> slow{true};
    Node member = attach(broker, "member", [&](Options& o) {
        o.on_notice = [&](const Notice& n) { gap += n.kind == Notice::Kind::gap && n.node == "member" ? n.count : 0; };
        o.receive_window = 100000;
    });
    must(member.join("team"));
    std::atomic<std::size_t> seen{0};
    std::atomic<int> last{-1};
    std::atomic<bool> ascending{true};
    must(member.on_message([&](const Message& m) {
        (void)eventually([&] { return !slow; }, 30000);
        const int number = std::stoi(std::string(m.payload().substr(0, 6)));
        if (number <= last) ascending = false;
        last = number;
        ++seen;
    }));
    constexpr int kMessages = 10000;
    for (int i = 0; i < kMessages; ++i) {
        std::string payload = std::to_string(100000 + i);
        payload.resize(1000, 'x');
        must(sender.multicast("team", payload));
    }
    must(sender.flush(scaled(30000)));
    slow = false;
    CHECK(eventually([&] { return last == 100000 + kMessages - 1; }, 30000));
    CHECK(eventually([&] { return seen + gap == kMessages; }));
    CHECK(gap > 1000);
    CHECK(seen > 500);
    CHECK(ascending);
    CHECK((sanitized() || broker.process().peak_kib() < 100 * 1024));
}

TEST_CASE("a broadcast reaches ten thousand nodes attached over ten connections") {
    BrokerProcess broker;
    constexpr int kConnections = 10, kEach = 1000;
    std::vector<std::vector<Node>> nodes;
    for (int c = 0; c < kConnections; ++c) {
        std::vector<std::string> names;
        for (int i = 0; i < kEach; ++i) names.push_back("n" + std::to_string(c) + "." + std::to_string(i));
        Connection connection =
            must(Connection::open(broker.options([](Options& o) { o.connect_timeout = scaled(20000); })));
        nodes.push_back(must(connection.attach_all(names)));
    }
    Node sender = attach(broker, "sender");
    Admin admin = administer(broker);
    for (int round = 0; round < 3; ++round) {
        const std::string text = "to all " + std::to_string(round);
        must(sender.send(Message::broadcast(text), Wait::receipt, scaled(20000)));
        int reached = 0;
        for (auto& group : nodes)
            for (Node& node : group) reached += next(node, 20000) == text;
        CHECK(reached == kConnections * kEach);
    }
    int surplus = 0;
    for (auto& group : nodes)
        for (Node& node : group) surplus += node.receive(std::chrono::milliseconds(0)).code() != ErrorCode::timed_out;
    CHECK(surplus == 0);
    // All of them acknowledged: the stream lets the messages go.
    CHECK(eventually(
        [&] { return must(admin.stats()).find("\"queued\":{\"bytes\":0,\"messages\":0}") != std::string::npos; }));
    CHECK(must(admin.stats()).find("\"known\":10001}") != std::string::npos);
    nodes.clear();  // at once, not after the grace time
    CHECK(eventually([&] { return must(admin.stats()).find("\"known\":1}") != std::string::npos; }, 5000));
}
