// Receipts: one sender, one node that exists and that nobody reads; how fast the server says that it has what was sent.
// With all under way at once, or each after the receipt of the one before.
#include <algorithm>

#include "measure.hpp"
#include "process.hpp"
#include "run.hpp"

namespace rig {
namespace {

Seat sender(bool lone) {
    Seat seat;
    seat.names = {"sender"};
    seat.only_sends = true;
    seat.lone = lone;
    return seat;
}

void send_all(System& system, const Run& run, Board& board) {
    const auto endpoint = system.join(sender(false));
    pause_ms(100);
    const std::string payload(run.size, 'x');
    Board::Slot& slot = board.senders[0];
    slot.first = now();
    for (long i = 0; i < run.count; ++i) endpoint->unicast("r0", payload);
    endpoint->flush();
    slot.last = now();
}

void send_alone(System& system, const Run& run, Board& board) {
    const auto endpoint = system.join(sender(true));
    pause_ms(100);
    const std::string payload(run.size, 'x');
    std::vector<double> took;
    took.reserve(static_cast<std::size_t>(run.count));
    for (long i = 0; i < run.count; ++i) {
        const double begin = now();
        endpoint->unicast("r0", payload);
        endpoint->flush();
        took.push_back(2 * (now() - begin));  // put_percentiles() halves
    }
    put_percentiles(board, std::move(took));
}

}  // namespace

Json measure_receipts(System& system, const Run& run) {
    if (!system.store({"r0"})) fail(run.system + " keeps nothing for a node that nobody reads");
    Board& board = make_board();
    const bool lone = run.mode == "lone-receipts";
    const double server_before = cpu_seconds(system.server_pid()), clients_before = awaited_cpu_seconds();
    await({start([&] { lone ? send_alone(system, run, board) : send_all(system, run, board); })});
    const double server_cpu = cpu_seconds(system.server_pid()) - server_before;
    Json json{{"count", run.count}};
    if (lone) {
        json.update(Json{{"p50_us", rounded(board.p50_us, 1)}, {"p99_us", rounded(board.p99_us, 1)}});
    } else {
        const double wall = board.senders[0].last - board.senders[0].first;
        json.update(
            Json{{"kmsg_s", rounded(static_cast<double>(run.count) / wall / 1e3, 3)}, {"wall_s", rounded(wall, 3)}});
    }
    json["server_cpu_s"] = rounded(server_cpu, 2);
    json["clients_cpu_s"] = rounded(awaited_cpu_seconds() - clients_before, 2);
    json["server_rss_mb"] = rounded(peak_rss_kb(system.server_pid()) / 1024, 1);
    return json;
}

}  // namespace rig
