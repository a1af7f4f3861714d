// The broker's state as JSON. Broker's thread.
#include "control/stats_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "server/descriptors.hpp"
#include "server/log.hpp"
#include "server/store_watch.hpp"
#include "wire/names.hpp"

namespace broker {

using nlohmann::json;

namespace {

constexpr std::size_t kListed = 1000;

json rate(const Rate& r) {
    return {{"messages_in", r.messages_in},
            {"messages_out", r.messages_out},
            {"bytes_in", r.bytes_in},
            {"bytes_out", r.bytes_out}};
}

double seconds_since(Now started, Now now) { return static_cast<double>(now.mono_us - started.mono_us) / 1e6; }

std::size_t queued_messages(State& state) {
    std::size_t all = state.usage.queued_messages() + state.directory.broadcast().stream.messages();
    state.directory.for_each_group([&](const Group& g) { all += g.stream.messages(); });
    return all;
}

/// The busiest `kListed` by `traffic`, each as JSON under its name.
template <class T, class Traffic, class Show>
json busiest(std::vector<const T*> all, Traffic traffic, Show show) {
    const std::size_t n = std::min(all.size(), kListed);
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(),
                      [&](const T* a, const T* b) {
                          return std::make_pair(traffic(*b), a->name) < std::make_pair(traffic(*a), b->name);
                      });
    json out = json::object();
    for (std::size_t i = 0; i < n; ++i) out[all[i]->name] = show(*all[i]);
    return out;
}

json per_node(State& state) {
    std::vector<const Node*> all;
    all.assign(state.busiest.nodes().begin(), state.busiest.nodes().end());
    for (const Node& node : state.directory.nodes_by_name()) {  // all of them where there are few
        if (all.size() >= kListed) break;
        if (!node.busy) all.push_back(&node);
    }
    return busiest(
        std::move(all), [](const Node& n) { return n.received + n.sent; },
        [](const Node& n) {
            return json{{"received", n.received},
                        {"acknowledged", n.acknowledged},
                        {"sent", n.sent},
                        {"queued", n.queued.messages()}};
        });
}

json per_group(State& state) {
    std::vector<const Group*> all;
    state.directory.for_each_group([&](const Group& g) {
        if (!cast::wire::reserved_name(g.name)) all.push_back(&g);
    });
    return busiest(
        std::move(all), [](const Group& g) { return g.messages; },
        [](const Group& g) {
            return json{{"messages", g.messages}, {"bytes", g.bytes}, {"members", g.member_count}};
        });
}

json refused(const Statistics& s) {
    json out = json::object();
    for (std::size_t code = 1; code < s.refused.size(); ++code)
        if (s.refused[code] > 0) out[cast::error_name(static_cast<cast::ErrorCode>(code))] = s.refused[code];
    return out;
}

json latency(const Histogram& h) {
    return {{"count", h.count()},        {"p50", h.percentile(0.5)},    {"p90", h.percentile(0.9)},
            {"p99", h.percentile(0.99)}, {"p999", h.percentile(0.999)}, {"max", h.max()}};
}

json descriptors_json(const State& state) {
    const DescriptorCounts counts = descriptor_counts();
    return {{"limit", counts.plan.limit},
            {"reserve", counts.plan.reserve},
            {"max_connections", state.config.max_connections},
            {"refused", counts.refused}};
}

json log_json() {
    const LogCounts counts = log_counts();
    return {{"dropped", counts.dropped}, {"left_out", counts.left_out}};
}

json store_json(const State& state, const Store& store, Now now) {
    json unreadable = json::array();
    for (const auto& [place, u] : state.unreadable) {
        if (unreadable.size() >= kListed) break;
        const StreamOwner owner = state.directory.owner(place.first);
        json j = {{"stream", place.first},
                  {"from", place.second},
                  {"reason", u.why},
                  {"tries", u.tries},
                  {"for_s", static_cast<double>(now.mono_us - u.since_us) / 1e6}};
        if (owner.lane != nullptr) j["node"] = owner.lane->node->name;
        if (owner.lane != nullptr) j["priority"] = owner.lane->priority;
        if (owner.group != nullptr) j["group"] = owner.group->name;
        unreadable.push_back(std::move(j));
    }
    return {{"kind", store.name()},         {"healthy", store.healthy()}, {"trouble", store.trouble()},
            {"failures", store.failures()}, {"busy_ms", store.busy_ms()}, {"unreadable", std::move(unreadable)}};
}

}  // namespace

json edge_json(const EdgeCounts& edge) {
    json cut = json::object();
    for (const auto& [reason, count] : edge.cut) cut[reason] = count;
    return {
        {"strangers", {{"connections", edge.strangers}, {"bytes", edge.stranger_bytes}}},
        {"clients", edge.clients},
        {"subscribers",
         {{"connections", edge.subscribers}, {"bytes", edge.subscriber_bytes}, {"waiting_bytes", edge.pinned_bytes}}},
        {"cut", std::move(cut)}};
}

json node_json(State& state, const Node& node) {
    json groups = json::array();
    for (const Membership& m : node.memberships)
        if (!m.group->broadcast() && !m.group->dissolved) groups.push_back(m.group->name);
    const Session* holder = node.connection != nullptr ? state.sessions.session(node.holder) : nullptr;
    return {{"name", node.name},
            {"created", node.created},
            {"attached", node.connection != nullptr},
            {"port", node.port},
            {"groups", std::move(groups)},
            {"queued", node.queued.messages()},
            {"queued_bytes", node.queued.bytes()},
            {"received", node.received},
            {"acknowledged", node.acknowledged},
            {"sent", node.sent},
            {"agent", holder != nullptr ? holder->agent : ""},
            {"host", holder != nullptr ? holder->host : ""}};
}

json group_json(const Group& group, std::string_view after) {
    json members = json::array();
    auto at = group.members.upper_bound(after);
    for (; at != group.members.end() && members.size() < kMembersShown; ++at) members.push_back((*at)->name);
    json next_after;
    if (at != group.members.end() && !members.empty()) next_after = members.back();
    return {{"name", group.name},
            {"created", group.created},
            {"members", std::move(members)},
            {"member_count", group.member_count},
            {"next_after", std::move(next_after)},
            {"messages", group.messages},
            {"bytes", group.bytes},
            {"retained", group.stream.messages()}};
}

json stats_json(Router& router, const Store& store, const std::string& version, Now started, Now now) {
    State& state = router.state();
    const Statistics& s = state.statistics;
    return {{"version", version},
            {"uptime_s", seconds_since(started, now)},
            {"epoch", state.config.epoch},
            {"time_us", now.wall_us},
            {"nodes",
             {{"known", state.directory.nodes()},
              {"attached", state.directory.attached()},
              {"created", state.directory.created()}}},
            {"groups", state.directory.groups() - 1},  // without $events
            {"memberships", state.memberships},
            {"sessions", state.sessions.sessions()},
            {"connections", state.sessions.connections()},
            {"messages",
             {{"unicast", s.by_cast[1]},
              {"multicast", s.by_cast[2]},
              {"broadcast", s.by_cast[3]},
              {"total", s.flow.messages_in}}},
            {"bytes", {{"in", s.flow.bytes_in}, {"out", s.flow.bytes_out}}},
            {"batches", {{"in", s.batches_in}, {"out", s.batches_out}}},
            {"delivered", {{"messages", s.flow.messages_out}}},
            {"queued", {{"messages", queued_messages(state)}, {"bytes", state.usage.bytes()}}},
            {"memory", {{"bytes", state.memory_bytes()}, {"budget", state.config.memory_budget}}},
            {"store", store_json(state, store, now)},
            {"descriptors", descriptors_json(state)},
            {"log", log_json()},
            {"turns", s.turns},
            {"turn_us_max", {{"60s", s.longest_turn_us()}, {"start", s.longest_turn_ever_us()}}},
            {"receipts", s.receipts},
            {"redelivered", s.redelivered},
            {"repaired_gaps", s.repaired_gaps},
            {"gaps",
             {{"expired", s.gaps_expired},
              {"retention", s.gaps_retention},
              {"purged", s.gaps_purged},
              {"redeliveries", s.gaps_redeliveries}}},
            {"expired", s.expired},
            {"discarded", s.discarded},
            {"later",
             {{"messages", router.scheduled().messages()},
              {"bytes", router.scheduled().bytes()},
              {"entered", s.scheduled_entered},
              {"refused", s.scheduled_refused},
              {"canceled", s.scheduled_canceled}}},
            {"dead",
             {{"messages", router.dead().messages()},
              {"bytes", router.dead().bytes()},
              {"buried", router.dead().buried()},
              {"dropped", router.dead().dropped()},
              {"too_large", router.dead().too_large()}}},
            {"refused", refused(s)},
            {"rates", {{"1s", rate(s.rate(1))}, {"10s", rate(s.rate(10))}, {"60s", rate(s.rate(60))}}},
            {"latency_us", latency(s.latency_us)},
            {"per_node", per_node(state)},
            {"per_group", per_group(state)}};
}

json status_json(Router& router, const Store& store, const std::vector<std::string>& page_troubles,
                 const std::string& version, Now started, Now now) {
    State& state = router.state();
    json reasons = json::array();
    for (const std::string& trouble : store_troubles(store)) reasons.push_back(trouble);
    if (!state.unreadable.empty())
        reasons.push_back("messages of " + std::to_string(state.unreadable.size()) +
                          " streams cannot be read; stats name them");
    if (state.memory_bytes() >= state.config.memory_budget / 10 * 9)
        reasons.push_back("90 % of the memory budget is in use; readers are behind");
    for (const std::string& trouble : page_troubles) reasons.push_back(trouble);
    return {{"status", reasons.empty() ? "ok" : "degraded"},
            {"reasons", std::move(reasons)},
            {"version", version},
            {"uptime_s", seconds_since(started, now)},
            {"nodes", state.directory.nodes()},
            {"attached", state.directory.attached()},
            {"queued_bytes", state.usage.bytes()},
            {"memory_bytes", state.memory_bytes()},
            {"memory_budget", state.config.memory_budget},
            {"store", store.name()},
            {"store_healthy", store.healthy()}};
}

}  // namespace broker
