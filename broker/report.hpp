// Report: what the broker knows of itself as JSON: nodes, groups, statistics, status (PROTOCOL.md sections 6, 7).
// Reads the router's state only. Broker's thread.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/router.hpp"
#include "core/store.hpp"

namespace broker {

nlohmann::json report_node(State& state, const Node& node);
nlohmann::json report_group(const Group& group);
nlohmann::json report_stats(Router& router, const Store& store, const std::string& version, Now started, Now now);
nlohmann::json report_status(Router& router, const Store& store, const std::string& version, Now started, Now now);

}  // namespace broker
