// What is measured and how: clocks, processor time, memory, and the page that all processes of a run share.
#pragma once
#include <sys/types.h>

#include <atomic>
#include <vector>

namespace rig {

constexpr int kSeats = 128;  // senders and receivers of a run, each

/// One mapping, shared by all processes of a run. Each slot has one writer.
struct Board {
    struct Slot {
        double first;  ///< when its first message was sent or received
        double last;   ///< when its last one was
        long count;
    };
    std::atomic<int> ready;     ///< receivers that have joined
    std::atomic<int> lined_up;  ///< senders that have joined
    std::atomic<int> done;      ///< senders that have sent everything
    std::atomic<bool> stop;     ///< a flood is to end
    Slot senders[kSeats];
    Slot receivers[kSeats];
    double p50_us, p99_us, p999_us;
};

/// The shared page, mapped before the first fork.
Board& make_board();

double now();  ///< seconds of a steady clock, one for all processes

/// User and system seconds that a live process has used (in ticks of 10 ms).
double cpu_seconds(pid_t process);
/// The same of all children that were awaited.
double awaited_cpu_seconds();

double peak_rss_kb(pid_t process);
double rss_kb(pid_t process);

/// Half of each round trip, in microseconds: the percentiles, onto the board.
void put_percentiles(Board& board, std::vector<double> round_trips_s);

}  // namespace rig
