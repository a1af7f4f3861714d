// Five thousand connections, and the limit on their number. A real broker; the connections are bare DEALER sockets that
// speak the protocol's first words.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <cstdlib>

#include <map>
#include <memory>
#include <zmq.hpp>

#include "support/broker_process.hpp"
#include "wire/messages.hpp"

using namespace cast;
using namespace cast::test;

namespace {

/// Dealers that have said HELLO and attached a node each.
class Crowd {
public:
    explicit Crowd(int most) : context_(1) {
        rlimit limit{};
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        context_.set(zmq::ctxopt::max_sockets, most + 100);
    }
    void add(const std::string& url) {
        auto& peer = peers_.emplace_back(context_, zmq::socket_type::dealer);
        const auto number = static_cast<std::uint64_t>(peers_.size());
        peer.set(zmq::sockopt::linger, 0);
        peer.set(zmq::sockopt::reconnect_ivl, -1);
        peer.set(zmq::sockopt::rcvtimeo, static_cast<int>(scaled(20000).count()));
        peer.connect(url);
        const std::string name = "peer" + std::to_string(number);
        say(number - 1, wire::encode(wire::Hello{number, 1, 0, "crowd"}));
        wire::Attach attach;
        attach.request = 1;
        attach.nodes.push_back({wire::kReceive, name, {}});
        say(number - 1, wire::encode(attach));
    }
    std::size_t size() const { return peers_.size(); }
    /// The verb of the peer's next frame; `error` when none comes.
    wire::Verb verb(std::size_t i) {
        zmq::message_t message;
        if (!peers_[i].recv(message)) return wire::Verb::error;
        wire::Frame frame;
        const std::string_view bytes(static_cast<const char*>(message.data()), message.size());
        return wire::read_frame(bytes, frame) == ErrorCode::ok ? frame.verb : wire::Verb::error;
    }
    void say(std::size_t i, const std::string& frame) { peers_[i].send(zmq::buffer(frame), zmq::send_flags::dontwait); }

private:
    zmq::context_t context_;
    std::vector<zmq::socket_t> peers_;
};

}  // namespace

TEST_CASE("five thousand connections are welcomed and served, and leave without a trace") {
    BrokerProcess broker({"--ping-interval", "10m", "--dead-after", "20m"});  // the crowd answers no pings
    constexpr int kPeers = 5000;
    Admin admin = administer(broker);
    Node alice = attach(broker, "alice");
    auto crowd = std::make_unique<Crowd>(kPeers);
    for (int i = 0; i < kPeers; ++i) crowd->add(broker.url());
    int welcomed = 0, attached_ones = 0;
    for (std::size_t i = 0; i < crowd->size(); ++i) {
        welcomed += crowd->verb(i) == wire::Verb::welcome;
        attached_ones += crowd->verb(i) == wire::Verb::attached;
    }
    CHECK(welcomed == kPeers);
    CHECK(attached_ones == kPeers);
    CHECK(must(admin.stats()).find("\"connections\":5002,") != std::string::npos);
    for (int i : {1, 2500, 5000})
        must(alice.send(Message::unicast("peer" + std::to_string(i), "hello"), Wait::receipt));
    CHECK(crowd->verb(2499) == wire::Verb::deliver);
    Node bob = attach(broker, "bob");
    must(alice.unicast("bob", "in the crowd"));
    CHECK(next(bob) == "in the crowd");
    const char* sanitizer = std::getenv("CAST_SANITIZE");  // whose shadow memory is not the broker's
    const bool plain = sanitizer == nullptr || *sanitizer == 0;
    CHECK((!plain || broker.process().resident_kib() < 600 * 1024));
    for (std::size_t i = 0; i < crowd->size(); ++i) crowd->say(i, wire::encode_bye());
    CHECK(eventually([&] { return must(admin.stats()).find("\"connections\":3,") != std::string::npos; }, 30000));
    CHECK(gone(admin, "peer77"));
    crowd.reset();
    must(alice.unicast("bob", "after the crowd"));
    CHECK(next(bob) == "after the crowd");
}

TEST_CASE("connections beyond max-connections are refused with too_many until others have left") {
    BrokerProcess broker({"--max-connections", "50"});
    Node alice = attach(broker, "alice");
    Crowd crowd(100);
    for (int i = 0; i < 60; ++i) crowd.add(broker.url());
    std::map<wire::Verb, int> first;
    for (std::size_t i = 0; i < crowd.size(); ++i) ++first[crowd.verb(i)];
    CHECK(first[wire::Verb::welcome] == 49);
    CHECK(first[wire::Verb::error] == 11);
    CHECK(Connection::open(broker.options()).code() == ErrorCode::too_many);
    must(alice.unicast("alice", "still served"));
    CHECK(next(alice) == "still served");
    crowd.say(0, wire::encode_bye());
    crowd.say(1, wire::encode_bye());
    CHECK(eventually([&] { return Connection::open(broker.options()).ok(); }));
}
