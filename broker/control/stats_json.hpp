// Report: what the broker knows of itself as JSON: nodes, groups, statistics, status (PROTOCOL.md sections 6, 7).
// Reads the router's state only. Broker's thread.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/edge.hpp"
#include "core/router.hpp"
#include "core/store.hpp"

namespace broker {

nlohmann::json edge_json(const EdgeCounts& edge);

nlohmann::json node_json(State& state, const Node& node);
/// With its members behind the name `after`, so many at most.
inline constexpr std::size_t kMembersShown = 1000;
nlohmann::json group_json(const Group& group, std::string_view after = {});
nlohmann::json stats_json(Router& router, const Store& store, const std::string& version, Now started, Now now);
nlohmann::json status_json(Router& router, const Store& store, const std::vector<std::string>& page_troubles,
                           const std::string& version, Now started, Now now);

}  // namespace broker
