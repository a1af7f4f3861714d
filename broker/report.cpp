// The broker's state as JSON. Broker's thread.
#include "report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "store_watch.hpp"
#include "wire/names.hpp"

namespace broker {

using nlohmann::json;

namespace {

constexpr std::size_t kListed = 1000;

json rate(const Rate& r) {
    return {{"messages_in", r.messages_in}, {"messages_out", r.messages_out}, {"bytes_in", r.bytes_in}, {"bytes_out", r.bytes_out}};
}

double seconds_since(Now started, Now now) { return static_cast<double>(now.mono_us - started.mono_us) / 1e6; }

struct Counts {
    std::size_t attached = 0, created = 0, queued_messages = 0;
};

Counts count_nodes(State& state) {
    Counts counts;
    state.directory.for_each_node([&](const Node& node) {
        if (node.hidden) return;
        counts.attached += node.connection != nullptr ? 1 : 0;
        counts.created += node.created ? 1 : 0;
        counts.queued_messages += node.queued_messages;
    });
    auto group = [&](const Group& g) { counts.queued_messages += g.stream.messages(); };
    state.directory.for_each_group(group);
    group(state.directory.broadcast());
    return counts;
}

/// The busiest `kListed` by `traffic`, each as JSON under its name.
template <class T, class Traffic, class Show>
json busiest(std::vector<const T*> all, Traffic traffic, Show show) {
    const std::size_t n = std::min(all.size(), kListed);
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(), [&](const T* a, const T* b) {
        return std::make_pair(traffic(*b), a->name) < std::make_pair(traffic(*a), b->name);
    });
    json out = json::object();
    for (std::size_t i = 0; i < n; ++i) out[all[i]->name] = show(*all[i]);
    return out;
}

json per_node(State& state) {
    std::vector<const Node*> all;
    state.directory.for_each_node([&](const Node& n) {
        if (!n.hidden) all.push_back(&n);
    });
    return busiest(std::move(all), [](const Node& n) { return n.received + n.sent; }, [](const Node& n) {
        return json{{"received", n.received}, {"acknowledged", n.acknowledged}, {"sent", n.sent}, {"queued", n.queued_messages}};
    });
}

json per_group(State& state) {
    std::vector<const Group*> all;
    state.directory.for_each_group([&](const Group& g) {
        if (!cast::wire::reserved_name(g.name)) all.push_back(&g);
    });
    return busiest(std::move(all), [](const Group& g) { return g.messages; }, [](const Group& g) {
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

json report_store(const State& state, const Store& store, Now now) {
    json unreadable = json::array();
    for (const auto& [place, u] : state.unreadable) {
        if (unreadable.size() >= kListed) break;
        const StreamOwner owner = state.directory.owner(place.first);
        json j = {{"stream", place.first}, {"from", place.second}, {"reason", u.why}, {"tries", u.tries}, {"for_s", static_cast<double>(now.mono_us - u.since_us) / 1e6}};
        if (owner.lane != nullptr) j["node"] = owner.lane->node->name;
        if (owner.lane != nullptr) j["priority"] = owner.lane->priority;
        if (owner.group != nullptr) j["group"] = owner.group->name;
        unreadable.push_back(std::move(j));
    }
    return {{"kind", store.name()},           {"healthy", store.healthy()}, {"trouble", store.trouble()},
            {"failures", store.failures()},   {"busy_ms", store.busy_ms()}, {"unreadable", std::move(unreadable)}};
}

}  // namespace

json report_node(State& state, const Node& node) {
    json groups = json::array();
    for (const Membership& m : node.memberships)
        if (!m.group->broadcast()) groups.push_back(m.group->name);
    const Session* holder = node.connection != nullptr ? state.sessions.session(node.holder) : nullptr;
    return {{"name", node.name},
            {"created", node.created},
            {"attached", node.connection != nullptr},
            {"port", node.port},
            {"groups", std::move(groups)},
            {"queued", node.queued_messages},
            {"queued_bytes", node.queued_bytes},
            {"received", node.received},
            {"acknowledged", node.acknowledged},
            {"sent", node.sent},
            {"agent", holder != nullptr ? holder->agent : ""}};
}

json report_group(const Group& group) {
    std::vector<std::string> members;
    for (const Node* node : group.members) members.push_back(node->name);
    std::sort(members.begin(), members.end());
    return {{"name", group.name},         {"created", group.created}, {"members", std::move(members)},
            {"messages", group.messages}, {"bytes", group.bytes},     {"retained", group.stream.messages()}};
}

json report_stats(Router& router, const Store& store, const std::string& version, Now started, Now now) {
    State& state = router.state();
    const Statistics& s = state.statistics;
    const Counts counts = count_nodes(state);
    return {{"version", version},
            {"uptime_s", seconds_since(started, now)},
            {"epoch", state.config.epoch},
            {"time_us", now.wall_us},
            {"nodes", {{"known", state.directory.nodes()}, {"attached", counts.attached}, {"created", counts.created}}},
            {"groups", state.directory.groups() - 2},  // without $events and $tap
            {"sessions", state.sessions.sessions()},
            {"connections", state.sessions.connections()},
            {"messages", {{"unicast", s.by_cast[1]}, {"multicast", s.by_cast[2]}, {"broadcast", s.by_cast[3]}, {"total", s.flow.messages_in}}},
            {"bytes", {{"in", s.flow.bytes_in}, {"out", s.flow.bytes_out}}},
            {"batches", {{"in", s.batches_in}, {"out", s.batches_out}}},
            {"delivered", {{"messages", s.flow.messages_out}}},
            {"queued", {{"messages", counts.queued_messages}, {"bytes", state.total_bytes}}},
            {"store", report_store(state, store, now)},
            {"receipts", s.receipts},
            {"redelivered", s.redelivered},
            {"repaired_gaps", s.repaired_gaps},
            {"gaps", {{"expired", s.gaps_expired}, {"retention", s.gaps_retention}, {"purged", s.gaps_purged}, {"redeliveries", s.gaps_redeliveries}}},
            {"expired", s.expired},
            {"discarded", s.discarded},
            {"later",
             {{"messages", router.later().messages()}, {"bytes", router.later().bytes()}, {"entered", s.later_entered}, {"refused", s.later_refused}, {"canceled", s.later_canceled}}},
            {"dead", {{"messages", router.dead().messages()}, {"bytes", router.dead().bytes()}, {"buried", router.dead().buried()}, {"too_large", router.dead().too_large()}}},
            {"refused", refused(s)},
            {"rates", {{"1s", rate(s.rate(1))}, {"10s", rate(s.rate(10))}, {"60s", rate(s.rate(60))}}},
            {"latency_us", latency(s.latency_us)},
            {"per_node", per_node(state)},
            {"per_group", per_group(state)}};
}

json report_status(Router& router, const Store& store, const std::string& version, Now started, Now now) {
    State& state = router.state();
    json reasons = json::array();
    for (const std::string& trouble : store_troubles(store)) reasons.push_back(trouble);
    if (!state.unreadable.empty())
        reasons.push_back("messages of " + std::to_string(state.unreadable.size()) + " streams cannot be read; stats name them");
    if (state.memory_bytes() >= state.config.memory_budget / 10 * 9) reasons.push_back("90 % of the memory budget is in use; readers are behind");
    const Counts counts = count_nodes(state);
    return {{"status", reasons.empty() ? "ok" : "degraded"},
            {"reasons", std::move(reasons)},
            {"version", version},
            {"uptime_s", seconds_since(started, now)},
            {"nodes", state.directory.nodes()},
            {"attached", counts.attached},
            {"queued_bytes", state.total_bytes},
            {"memory_bytes", state.memory_bytes()},
            {"memory_budget", state.config.memory_budget},
            {"store", store.name()},
            {"store_healthy", store.healthy()}};
}

}  // namespace broker
