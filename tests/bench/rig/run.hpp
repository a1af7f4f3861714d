// A run: what was asked for, and the three families of modes that can do it. Each answers one JSON object.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "system.hpp"

namespace rig {

struct Run {
    std::string system;
    std::string mode;
    long count = 0;        ///< messages, round trips or nodes
    std::size_t size = 0;  ///< bytes of a message
    int receivers = 1;     ///< processes
    int senders = 1;       ///< processes
    int targets = 1;       ///< nodes that are sent to in turn
    int groups = 1;        ///< groups that are sent to in turn
    int connections = 10;  ///< that idle nodes share
    bool stored = false;   ///< idle nodes without a client
    std::string beside;    ///< a program that runs meanwhile, told the page's URL; the run begins when it says so
    int limit_s = 60;
    Setup setup;
};

using Json = nlohmann::ordered_json;

/// Messages a second: unicast, broadcast, multicast, fanout, funnel.
Json measure_flow(System& system, const Run& run);
/// Half round trips: pingpong, pingpong-receive, flood-latency.
Json measure_latency(System& system, const Run& run);
/// Receipts of what nobody reads: receipts (messages/s), lone-receipts (microseconds).
Json measure_receipts(System& system, const Run& run);
/// Bytes of the server per idle node: idle-memory.
Json measure_memory(System& system, const Run& run);

/// Few digits, for people and for small files.
double rounded(double value, int digits);

}  // namespace rig
