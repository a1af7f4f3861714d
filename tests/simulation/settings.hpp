// Settings: what one seed's run is like: the broker's limits and times, and how often which fault happens.
// Plain values, drawn once from the seed.
#pragma once
#include "core/types.hpp"
#include "simulation/random.hpp"

namespace sim {

using broker::kMs;
using broker::kNever;
using broker::kSecond;

struct Settings {
    broker::Config config;
    int clients = 3;
    int nodes = 3;   ///< n0, n1...
    int groups = 2;  ///< g0, g1...

    // Faults: percent of frames, or weights among the actions of a step.
    int drop_publish = 0;  ///< percent of PUB frames that are lost
    std::int64_t latency_us = 200;
    std::int64_t jitter_us = 100;
    int cuts = 0;
    int deaths = 0;
    int byes = 0;
    int crashes = 0;
    int restarts = 0;  ///< of the broker, in order
    int takeovers = 0;
    int deletions = 0;
    int membership = 0;
    int slow_readers = 0;
    int store_faults = 0;
    int stalls = 0;
    int stalled = 0;
    int hostile = 0;
    std::uint64_t far_behind = 0;  ///< of 1,000 frames to clients: there is no room for it
    int jumps = 0;
    int ttl = 0;         ///< percent of messages with a time to live
    int big = 0;         ///< percent of messages over 8 KiB
    int priorities = 0;  ///< percent of messages with a priority of their own
    bool slow_commits = false;
    int scheduled = 0;  ///< percent of messages that wait for their time
    int floods = 0;     ///< a mailbox is filled, and all of it ends at once
    int letters = 0;    ///< somebody puts a dead letter back, or throws it away
};

/// The settings of a seed. `random` goes on being the run's.
Settings draw_settings(Random& random);

}  // namespace sim
