// Memory of idle nodes: the server's resident memory with and without them. They are attached by one client process
// over some connections, or stored in the server without a client.
#include <unistd.h>

#include "measure.hpp"
#include "process.hpp"
#include "run.hpp"

namespace rig {
namespace {

constexpr long kBefore = 320;

std::vector<std::string> names(long first, long end, const char* stem = "node") {
    std::vector<std::string> names;
    for (long i = first; i < end; ++i) names.push_back(stem + std::to_string(i));
    return names;
}

void attach_and_wait(System& system, const Run& run, Board& board) {
    std::vector<std::unique_ptr<Endpoint>> endpoints;
    for (int c = 0; c < run.connections; ++c) {
        Seat seat;
        seat.names = names(run.count * c / run.connections, run.count * (c + 1) / run.connections);
        if (!seat.names.empty()) endpoints.push_back(system.join(seat));
    }
    ++board.ready;
    while (!board.stop) pause_ms(10);
    _exit(0);
}

void store(System& system, const Run& run, long count, const char* stem) {
    if (!system.store(names(0, count, stem))) fail(run.system + " stores no nodes");
}

}  // namespace

Json measure_memory(System& system, const Run& run) {
    Board& board = make_board();
    // What the connections of those who create the nodes cost the server is not the nodes': it is there before, too.
    if (run.stored) await({start([&] { store(system, run, kBefore, "before"); })});
    pause_ms(300);
    const double before = rss_kb(system.server_pid());
    const double begin = now();
    const pid_t client =
        start([&] { run.stored ? store(system, run, run.count, "node") : attach_and_wait(system, run, board); });
    if (run.stored)
        await({client});
    else
        wait_until([&] { return board.ready >= 1; });
    const double took = now() - begin;
    pause_ms(1000);
    const double after = rss_kb(system.server_pid()), peak = peak_rss_kb(system.server_pid());
    board.stop = true;
    if (!run.stored) await({client});
    const auto each = [&](double kb) { return rounded((kb - before) * 1024 / static_cast<double>(run.count), 1); };
    return {{"nodes", run.count},
            {"kind", run.stored ? "stored" : "attached"},
            {"connections", run.stored ? 0 : run.connections},
            {"bytes_per_node", each(after)},
            {"peak_bytes_per_node", each(peak)},
            {"start_rss_mb", rounded(before / 1024, 1)},
            {"server_rss_mb", rounded(after / 1024, 1)},
            {"took_s", rounded(took, 2)}};
}

}  // namespace rig
