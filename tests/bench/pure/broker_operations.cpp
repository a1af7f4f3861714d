// The broker's turn, driven as broker.cpp drives it, with clients that send and acknowledge; and what the turn is made
// of: the stream and the cursors. One thread.
#include <array>
#include <memory>

#include "core/router.hpp"
#include "frames.hpp"
#include "operations.hpp"
#include "wire/frame.hpp"
#include "wire/messages.hpp"

namespace bench {

using namespace cast::wire;

namespace {

constexpr std::uint64_t kAlice = 1;       // connection, and its session, of the one that sends
constexpr std::int64_t kBetweenUs = 100;  // turns
constexpr std::size_t kNodes = 1000;
constexpr std::size_t kNodeRecords = 9;     // in a batch of a burst to kNodes nodes in turn, as Outbound makes it
constexpr std::size_t kFrameTargets = 100;  // batches that share a frame then
constexpr std::size_t kReaders = 8;
constexpr std::size_t kBusy = 64;  // frames of one turn
constexpr const char* kGroup = "team";

std::vector<std::string> names(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(node_name(i));
    return all;
}

/// A router, and its turn.
class Broker {
public:
    void connect(std::uint64_t id, std::uint8_t flags, const std::vector<std::string>& nodes) {
        Hello hello;
        hello.session = id;
        hello.attempt = 1;
        Attach attach;
        for (const std::string& node : nodes) attach.nodes.push_back({flags, node, {}});
        handle(id, Slice::take(encode(hello)));
        handle(id, Slice::take(encode(attach)));
        turn();
    }
    /// Nodes that receive, each on a connection of its own: 2, 3...
    void readers(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) connect(2 + i, kReceive, {node_name(i)});
    }
    void join(std::size_t nodes) {
        for (std::size_t i = 0; i < nodes; ++i) router.join(node_name(i), kGroup, now, outbox);
        turn();
    }
    /// The first ACK of nodes that were just attached names them; from then on their connection's cursor counts.
    void acknowledge_by_name(std::uint64_t id, broker::Group& group, const std::vector<std::string>& nodes) {
        AckEntry entry{group.stream.id(), group.stream.last(), {}};
        for (const std::string& node : nodes) entry.exceptions.push_back({node, group.stream.last()});
        handle(id, Slice::take(encode(Ack{{entry}})));
        for (const auto& s : group.subscriptions)
            require(s->connection->id != id || s->own.empty(), "nodes still count by themselves");
    }
    void handle(std::uint64_t from, const Slice& frame) { router.handle(from, frame, now, outbox); }
    void turn() {
        router.tick(now, outbox);
        router.committed(router.close_turn());
        router.flush(now, outbox);
        outbox.clear();
        now.mono_us += kBetweenUs;
        now.wall_us += kBetweenUs;
    }
    broker::State& state() { return router.state(); }
    /// Everything sent so far was taken, and all of it but the last turn is acknowledged.
    void check(std::uint64_t messages_in, std::uint64_t messages_out) {
        const broker::Statistics& s = state().statistics;
        for (const std::uint64_t count : s.refused) require(count == 0, "a batch is refused");
        for (const std::uint64_t count : s.errors) require(count == 0, "a frame is answered with an error");
        require(s.flow.messages_in == messages_in, "not every message was taken");
        require(s.flow.messages_out == messages_out, "not every message was acknowledged");
    }

    static broker::Config config() {
        broker::Config config;
        config.history_messages = 0;
        return config;
    }

    broker::Router router{config()};
    broker::Outbox outbox;
    broker::Now now{broker::kSecond, 1'700'000'000'000'000};
};

/// The frames of a turn, twice: what a turn brings is acknowledged in the next one, and its bytes are in use so long.
struct Traffic {
    std::array<std::vector<CastFrame>, 2> frames;
    std::vector<AckFrame> acks;  // by reader, from connection 2 on
    std::uint64_t number = 1;
    std::uint64_t sequence = 0;  // of every stream, before this turn
    std::size_t records = 0;     // that a turn brings to every stream
    std::size_t turns = 0;

    void add(Cast cast, const std::vector<std::string>& targets, std::size_t each) {
        for (auto& some : frames) some.emplace_back(cast, kAlice, targets, each);
    }
    void turn(Broker& broker) {
        for (CastFrame& frame : frames[turns++ % 2]) broker.handle(kAlice, frame.renewed(number));
        std::uint64_t reader = 2;
        for (AckFrame& ack : acks) broker.handle(reader++, ack.through(sequence));
        sequence += records;
        broker.turn();
    }
};

/// So many frames of one batch each to one node that is attached.
Step unicast(std::size_t records, std::size_t frames) {
    auto broker = std::make_shared<Broker>();
    auto traffic = std::make_shared<Traffic>();
    broker->connect(kAlice, 0, {std::string(kSender)});
    broker->readers(1);
    for (std::size_t i = 0; i < frames; ++i) traffic->add(Cast::unicast, names(1), records);
    traffic->records = records * frames;
    traffic->turn(*broker);  // makes the lane
    traffic->acks.emplace_back(std::vector{broker->state().directory.node(node_name(0))->lanes.at(0)->stream.id()});
    Step step = warmed_up([broker, traffic] { traffic->turn(*broker); });
    broker->check(21 * traffic->records, 20 * traffic->records);
    return step;
}

/// A batch to each of kNodes nodes, all of them attached on one connection.
Step many_nodes() {
    auto broker = std::make_shared<Broker>();
    auto traffic = std::make_shared<Traffic>();
    const std::vector<std::string> nodes = names(kNodes);
    broker->connect(kAlice, 0, {std::string(kSender)});
    broker->connect(2, kReceive, nodes);
    for (std::size_t i = 0; i < kNodes; i += kFrameTargets) {
        const auto first = nodes.begin() + static_cast<std::ptrdiff_t>(i);
        traffic->add(Cast::unicast, {first, first + kFrameTargets}, kNodeRecords);
    }
    traffic->records = kNodeRecords;
    traffic->turn(*broker);
    std::vector<std::uint64_t> lanes;
    for (const std::string& node : nodes)
        lanes.push_back(broker->state().directory.node(node)->lanes.at(0)->stream.id());
    traffic->acks.emplace_back(lanes);
    Step step = warmed_up([broker, traffic] { traffic->turn(*broker); });
    broker->check(21 * kNodes * kNodeRecords, 20 * kNodes * kNodeRecords);
    return step;
}

/// A batch to a group, or to all, read on kReaders connections.
Step many_readers(Cast cast, std::size_t records) {
    auto broker = std::make_shared<Broker>();
    auto traffic = std::make_shared<Traffic>();
    broker->connect(kAlice, 0, {std::string(kSender)});
    broker->readers(kReaders);
    broker->join(kReaders);
    traffic->add(cast, {cast == Cast::broadcast ? "" : kGroup}, records);
    traffic->records = records;
    auto& directory = broker->state().directory;
    broker::Group& group = cast == Cast::broadcast ? directory.broadcast() : *directory.group(kGroup);
    traffic->turn(*broker);
    for (std::size_t i = 0; i < kReaders; ++i) {
        broker->acknowledge_by_name(2 + i, group, {node_name(i)});
        traffic->acks.emplace_back(std::vector{group.stream.id()});
    }
    Step step = warmed_up([broker, traffic] { traffic->turn(*broker); });
    broker->check(21 * records, 20 * records * kReaders);
    return step;
}

/// A batch as it is stored.
Slice stored() {
    std::string frame;
    begin_frame(frame, Verb::deliver);
    append_batch(frame, Cast::multicast, kAlice, kGroup, 1);
    return Slice::take(std::move(frame));
}

Step stream() {
    constexpr std::size_t kHeld = 100;
    struct Counted {
        broker::UsageTotals totals;
        broker::Stream stream{7, totals};
    };
    auto counted = std::make_shared<Counted>();
    const Slice frame = stored();
    return warmed_up(
        [counted, frame, header = read_batch(frame.view().substr(kFrameHeader))->header] {
            broker::Stream& stream = counted->stream;
            stream.append(header, frame, {});
            if (stream.batches() > kHeld) keep(stream.pop_front());
        },
        200);
}

/// A batch that lies in the group's stream, and an ACK of it from each connection, all `nodes` of which read it.
Step group_ack(std::size_t connections, std::size_t nodes) {
    auto broker = std::make_shared<Broker>();
    std::vector<std::vector<std::string>> readers(connections);
    for (std::size_t i = 0; i < connections; ++i) {
        for (std::size_t k = 0; k < nodes; ++k) readers[i].push_back(node_name(i * nodes + k));
        broker->connect(2 + i, kReceive, readers[i]);
    }
    broker->join(connections * nodes);
    broker::Group& group = *broker->state().directory.group(kGroup);
    const Slice frame = stored();
    auto append = [broker, &group, frame, header = read_batch(frame.view().substr(kFrameHeader))->header] {
        group.stream.append(header, frame, broker->now);
        group.published = group.stream.last();
    };
    append();
    for (std::size_t i = 0; i < connections; ++i) broker->acknowledge_by_name(2 + i, group, readers[i]);
    AckFrame ack({group.stream.id()});
    Step step = warmed_up([broker, &group, append, ack, connections]() mutable {
        append();
        const Slice through = ack.through(group.published);
        for (std::size_t i = 0; i < connections; ++i) broker->handle(2 + i, through);
        broker->now.mono_us += kBetweenUs;
    });
    require(group.stream.empty() && group.stream.last() == 21, "the cursors do not move");
    broker->check(0, 21 * connections * nodes);
    return step;
}

}  // namespace

std::vector<Operation> broker_operations() {
    return {{"router_unicast", kRecords, 1, 500, [] { return unicast(kRecords, 1); }},
            {"router_lone", 1, 1, 500, [] { return unicast(1, 1); }},
            {"router_lone_busy", kBusy, kBusy, 20, [] { return unicast(1, kBusy); }},
            {"router_1000_nodes", kNodes * kNodeRecords, kNodes, 2, many_nodes},
            {"router_broadcast_8", kRecords, 1, 200, [] { return many_readers(Cast::broadcast, kRecords); }},
            {"router_multicast_8", kRecords, 1, 200, [] { return many_readers(Cast::multicast, kRecords); }},
            {"router_multicast_8_lone", 1, 1, 200, [] { return many_readers(Cast::multicast, 1); }},
            {"stream_append_pop", 1, 1, 2000, stream},
            {"group_ack", 1, 1, 2000, [] { return group_ack(1, 1); }},
            {"group_ack_100_connections", 100, 1, 5, [] { return group_ack(100, 1); }},
            {"group_ack_1000_nodes", 1, 1, 2000, [] { return group_ack(1, kNodes); }}};
}

}  // namespace bench
