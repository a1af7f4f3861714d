// Throughput: senders send as fast as they can, receivers count. The clock runs from the first send to the last
// receipt; processor time from before the senders start to the last receipt.
#include <algorithm>
#include <cstdlib>

#include "measure.hpp"
#include "process.hpp"
#include "run.hpp"

namespace rig {
namespace {

std::string target(int index) { return "r" + std::to_string(index); }
std::string group(int index) { return "g" + std::to_string(index); }

/// What of a flow differs by its mode.
struct Plan {
    std::vector<Seat> receivers;
    std::vector<long> expected;   // messages of each receiver
    std::vector<std::string> to;  // nodes or groups, in turn; none: broadcast
    bool multicast = false;
    int senders = 1;
    long each = 0;  // messages of each sender
};

Plan make_plan(const Run& run) {
    Plan plan;
    plan.senders = run.mode == "funnel" ? run.senders : 1;
    plan.each = run.count / plan.senders;
    plan.multicast = run.mode == "multicast";
    const bool fanout = run.mode == "fanout", all = plan.multicast || run.mode == "broadcast";
    const int receivers = fanout || all ? run.receivers : 1;
    plan.receivers.resize(static_cast<std::size_t>(receivers));
    plan.expected.assign(static_cast<std::size_t>(receivers), fanout ? 0 : plan.each * plan.senders);
    const int targets = fanout ? run.targets : receivers;
    for (int i = 0; i < targets; ++i) {
        const auto at = static_cast<std::size_t>(i % receivers);
        plan.receivers[at].names.push_back(target(i));
        if (!all) plan.to.push_back(target(i));
        if (fanout) plan.expected[at] += plan.each / targets + (i < plan.each % targets ? 1 : 0);
    }
    for (int i = 0; plan.multicast && i < run.groups; ++i) {
        plan.to.push_back(group(i));
        for (Seat& seat : plan.receivers) seat.groups.push_back(group(i));
    }
    return plan;
}

void receive_all(System& system, const Run& run, const Plan& plan, std::size_t index, Board& board) {
    const auto endpoint = system.join(plan.receivers[index]);
    Board::Slot& slot = board.receivers[index];
    ++board.ready;
    const long expected = plan.expected[index];
    long count = 0;
    double idle = 0;
    const Take take = [&](const char*, std::size_t size) {
        if (size != run.size) fail("a message of a wrong size");
        if (count++ == 0) slot.first = now();
    };
    while (count < expected) {
        const int got = endpoint->receive(take);
        slot.count = count;
        if (got > 0) {
            slot.last = now();
            idle = 0;
        } else if (board.done == plan.senders && (idle += .1) > 3) {
            break;  // lost
        }
    }
}

void send_all(System& system, const Run& run, const Plan& plan, int index, Board& board) {
    Seat seat;
    seat.names = {plan.senders == 1 ? "sender" : "sender" + std::to_string(index)};
    seat.only_sends = true;
    auto endpoint = system.join(seat);
    pause_ms(100);
    ++board.lined_up;
    while (board.lined_up < plan.senders) pause_ms(1);
    Board::Slot& slot = board.senders[index];
    const std::string payload(run.size, 'x');
    slot.first = now();
    std::size_t turn = 0;
    for (long i = 0; i < plan.each; ++i) {
        if (plan.to.empty())
            endpoint->broadcast(payload);
        else if (plan.multicast)
            endpoint->multicast(plan.to[turn], payload);
        else
            endpoint->unicast(plan.to[turn], payload);
        if (++turn >= plan.to.size()) turn = 0;
    }
    endpoint->flush();
    slot.last = now();
    ++board.done;
    endpoint.reset();
}

struct Usage {
    double server_cpu_s = 0, clients_cpu_s = 0;
};

Json report(const Run& run, const Plan& plan, const Board& board, const Usage& usage, double rss) {
    long got = 0, expected = 0;
    double last = 0, first = board.senders[0].first, sent = 0;
    for (std::size_t r = 0; r < plan.receivers.size(); ++r) {
        got += board.receivers[r].count;
        expected += plan.expected[r];
        last = std::max(last, board.receivers[r].last);
    }
    for (int s = 0; s < plan.senders; ++s) {
        first = std::min(first, board.senders[s].first);
        sent = std::max(sent, board.senders[s].last);
    }
    const double wall = last - first, million = static_cast<double>(std::max(got, 1L)) / 1e6;
    Json json{{"receivers", plan.receivers.size()}, {"senders", plan.senders}};
    if (run.mode == "fanout") json["targets"] = run.targets;
    if (plan.multicast) json["groups"] = run.groups;
    json.update(Json{{"sent", plan.each * plan.senders},
                     {"got", got},
                     {"lost", expected - got},
                     {"kmsg_s", rounded(static_cast<double>(got) / wall / 1e3, 3)},
                     {"send_s", rounded(sent - first, 3)},
                     {"wall_s", rounded(wall, 3)},
                     {"server_cpu_s", rounded(usage.server_cpu_s, 2)},
                     {"clients_cpu_s", rounded(usage.clients_cpu_s, 2)},
                     {"cpu_s_per_million", rounded((usage.server_cpu_s + usage.clients_cpu_s) / million, 3)},
                     {"server_rss_mb", rounded(rss / 1024, 1)}});
    return json;
}

}  // namespace

Json measure_flow(System& system, const Run& run) {
    Board& board = make_board();
    const Plan plan = make_plan(run);
    std::vector<pid_t> receivers, senders;
    for (std::size_t r = 0; r < plan.receivers.size(); ++r)
        receivers.push_back(start([&, r] { receive_all(system, run, plan, r, board); }));
    wait_until([&] { return board.ready >= static_cast<int>(receivers.size()); });
    pause_ms(500);
    Usage before{cpu_seconds(system.server_pid()), awaited_cpu_seconds()};
    for (int s = 0; s < plan.senders; ++s) senders.push_back(start([&, s] { send_all(system, run, plan, s, board); }));
    await(receivers);
    const double server_cpu = cpu_seconds(system.server_pid());
    const double rss = peak_rss_kb(system.server_pid());
    await(senders);
    const Usage usage{server_cpu - before.server_cpu_s, awaited_cpu_seconds() - before.clients_cpu_s};
    return report(run, plan, board, usage, rss);
}

}  // namespace rig
