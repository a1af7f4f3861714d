// Latency: round trips of two endpoints, one message under way at a time; with or without another pair that floods.
// Half of a round trip is reported. Echo, ping and the flood's two ends are processes of their own.
#include "measure.hpp"
#include "process.hpp"
#include "run.hpp"

namespace rig {
namespace {

constexpr std::size_t kFloodSize = 100;

Seat seat(const std::string& name, bool lone) {
    Seat seat;
    seat.names = {name};
    seat.lone = lone;
    return seat;
}

void echo(System& system, long count, Board& board) {
    const auto endpoint = system.join(seat("bob", true));
    ++board.ready;
    long done = 0;
    const Take answer = [&](const char* data, std::size_t size) {
        endpoint->unicast("alice", {data, size});
        endpoint->flush();
        ++done;
    };
    while (done < count) endpoint->receive(answer);
    pause_ms(1000);
}

void ping(System& system, const Run& run, Board& board, int others) {
    const auto endpoint = system.join(seat("alice", true));
    while (board.ready < others) pause_ms(1);
    pause_ms(300);
    const std::string payload(run.size, 'x');
    std::vector<double> round_trips;
    round_trips.reserve(static_cast<std::size_t>(run.count));
    const Take ignore = [](const char*, std::size_t) {};
    for (long i = 0; i < run.count; ++i) {
        const double begin = now();
        endpoint->unicast("bob", payload);
        endpoint->flush();
        while (endpoint->receive(ignore) == 0) {
        }
        round_trips.push_back(now() - begin);
    }
    board.stop = true;
    put_percentiles(board, std::move(round_trips));
}

void drain_flood(System& system, Board& board) {
    const auto endpoint = system.join(seat("r0", false));
    Board::Slot& slot = board.receivers[0];
    ++board.ready;
    const Take take = [&](const char*, std::size_t) {
        if (slot.count++ == 0) slot.first = now();
    };
    while (!board.stop) {
        if (endpoint->receive(take) > 0) slot.last = now();
    }
}

void flood(System& system, Board& board) {
    Seat sender = seat("sender", false);
    sender.only_sends = true;
    const auto endpoint = system.join(sender);
    const std::string payload(kFloodSize, 'x');
    ++board.ready;
    while (!board.stop) endpoint->unicast("r0", payload);
    _exit(0);  // what it has not sent by now is of no use
}

}  // namespace

Json measure_latency(System& system, const Run& run) {
    Board& board = make_board();
    const bool flooded = run.mode == "flood-latency";
    const double server_before = cpu_seconds(system.server_pid()), clients_before = awaited_cpu_seconds();
    std::vector<pid_t> all;
    if (flooded) {
        all.push_back(start([&] { drain_flood(system, board); }));
        wait_until([&] { return board.ready >= 1; });
    }
    all.push_back(start([&] { echo(system, run.count, board); }));
    const int others = flooded ? 3 : 1;
    if (flooded) all.push_back(start([&] { flood(system, board); }));
    await({start([&] { ping(system, run, board, others); })});
    const double server_cpu = cpu_seconds(system.server_pid()) - server_before;
    const double rss = peak_rss_kb(system.server_pid());
    await(all);
    Json json{{"count", run.count},
              {"p50_us", rounded(board.p50_us, 1)},
              {"p99_us", rounded(board.p99_us, 1)},
              {"p999_us", rounded(board.p999_us, 1)}};
    if (flooded) {
        const Board::Slot& slot = board.receivers[0];
        const double wall = slot.last - slot.first;
        json["flood_kmsg_s"] = wall > 0 ? rounded(static_cast<double>(slot.count) / wall / 1e3, 1) : 0;
    }
    json["server_cpu_s"] = rounded(server_cpu, 2);
    json["clients_cpu_s"] = rounded(awaited_cpu_seconds() - clients_before, 2);
    json["server_rss_mb"] = rounded(rss / 1024, 1);
    return json;
}

}  // namespace rig
