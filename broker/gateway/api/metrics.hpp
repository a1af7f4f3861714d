// Metrics: the broker's statistics and the gateway's own as Prometheus text, through prometheus-cpp. io thread.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace gateway {

struct App;
std::string metrics_text(const nlohmann::json& stats, const App& app);

}  // namespace gateway
