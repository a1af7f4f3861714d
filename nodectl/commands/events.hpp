// Presence events as lines, shared by 'nodectl events' and 'nodectl node watch'. Main thread.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "nodectl/input/times.hpp"

namespace nodectl {

struct Context;

struct EventOptions {
    std::uint64_t count = 0;              ///< stop after so many; 0: never
    std::optional<Milliseconds> silence;  ///< stop after so long without one
    std::vector<std::string> nodes;       ///< only of these; empty: of all
    bool nodes_only = false;              ///< leave out what concerns only a group
};

/// Adds -n and -W.
void add_event_limits(CLI::App& app, EventOptions& options);

/// Prints a line for each event from now on; returns the exit code.
int print_events(const Context& context, const EventOptions& options);

}  // namespace nodectl
