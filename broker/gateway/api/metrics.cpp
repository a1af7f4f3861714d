// Statistics as Prometheus text. io thread.
#include "gateway/api/metrics.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <nlohmann/json.hpp>

#include "gateway/app.hpp"

namespace gateway {

using nlohmann::json;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

namespace {

class Families {
public:
    std::vector<MetricFamily> all;

    void counter(const char* name, const char* help) { begin(name, help, MetricType::Counter); }
    void gauge(const char* name, const char* help) { begin(name, help, MetricType::Gauge); }
    void value(double number, std::vector<ClientMetric::Label> labels = {}) {
        ClientMetric metric;
        metric.label = std::move(labels);
        if (all.back().type == MetricType::Counter)
            metric.counter.value = number;
        else
            metric.gauge.value = number;
        all.back().metric.push_back(std::move(metric));
    }
    void counter(const char* name, const char* help, const json& number) {
        counter(name, help);
        value(number.get<double>());
    }
    void gauge(const char* name, const char* help, const json& number) {
        gauge(name, help);
        value(number.get<double>());
    }

private:
    void begin(const char* name, const char* help, MetricType type) {
        all.emplace_back();
        all.back().name = name;
        all.back().help = help;
        all.back().type = type;
    }
};

void broker_counts(Families& f, const json& s) {
    f.counter("cast_messages_total", "Messages accepted, by cast.");
    for (const char* cast : {"unicast", "multicast", "broadcast"})
        f.value(s.at("messages").at(cast).get<double>(), {{"cast", cast}});
    f.counter("cast_delivered_messages_total", "Messages acknowledged by readers, one for each reader.",
              s.at("delivered").at("messages"));
    f.counter("cast_bytes_total", "Bytes of messages accepted, and of batches handed to sockets.");
    for (const char* direction : {"in", "out"})
        f.value(s.at("bytes").at(direction).get<double>(), {{"direction", direction}});
    f.counter("cast_batches_total", "Batches accepted, and handed to sockets.");
    for (const char* direction : {"in", "out"})
        f.value(s.at("batches").at(direction).get<double>(), {{"direction", direction}});
    f.counter("cast_refused_messages_total", "Messages refused, by error.");
    for (const auto& [code, count] : s.at("refused").items()) f.value(count.get<double>(), {{"code", code}});
    f.counter("cast_gap_messages_total", "Messages that readers were told are gone, by reason.");
    for (const auto& [reason, count] : s.at("gaps").items()) f.value(count.get<double>(), {{"reason", reason}});
    f.counter("cast_receipts_total", "Receipts sent.", s.at("receipts"));
    f.counter("cast_redelivered_messages_total", "Messages delivered again.", s.at("redelivered"));
    f.counter("cast_repaired_gaps_total", "Fetches that brought what the publish socket had dropped.",
              s.at("repaired_gaps"));
    f.counter("cast_expired_messages_total", "Messages whose time to live ran out.", s.at("expired"));
    if (s.contains("later"))
        f.gauge("cast_later_messages", "Messages that wait for their time.", s.at("later").at("messages"));
    f.counter("cast_discarded_messages_total", "Mail of nodes that were deleted.", s.at("discarded"));
    if (s.contains("turns")) f.counter("cast_turns_total", "Turns of the broker's thread.", s.at("turns"));
}

void broker_state(Families& f, const json& s) {
    f.gauge("cast_nodes", "Nodes, by state.");
    for (const char* state : {"known", "attached", "created"})
        f.value(s.at("nodes").at(state).get<double>(), {{"state", state}});
    f.gauge("cast_groups", "Groups.", s.at("groups"));
    f.gauge("cast_sessions", "Sessions of clients.", s.at("sessions"));
    f.gauge("cast_connections", "Connections of clients.", s.at("connections"));
    f.gauge("cast_queued_messages", "Messages held in all streams.", s.at("queued").at("messages"));
    f.gauge("cast_queued_bytes", "Bytes held in all streams.", s.at("queued").at("bytes"));
    if (const auto memory = s.find("memory"); memory != s.end()) {
        f.gauge("cast_memory_bytes", "Bytes that count in the memory budget.", memory->at("bytes"));
        f.gauge("cast_memory_budget_bytes", "The memory budget.", memory->at("budget"));
    }
    if (const auto edge = s.find("edge"); edge != s.end()) {
        const json &strangers = edge->at("strangers"), &subscribers = edge->at("subscribers");
        f.gauge("cast_edge_connections", "Connections to bind that have said no HELLO, and to publish.");
        f.value(strangers.at("connections").get<double>(), {{"kind", "strangers"}});
        f.value(subscribers.at("connections").get<double>(), {{"kind", "subscribers"}});
        f.gauge("cast_edge_bytes",
                "What strangers have sent, subscriptions, and what was published and is not taken by all.");
        f.value(strangers.at("bytes").get<double>(), {{"kind", "strangers"}});
        f.value(subscribers.at("bytes").get<double>(), {{"kind", "subscriptions"}});
        f.value(subscribers.at("waiting_bytes").get<double>(), {{"kind", "published"}});
        f.counter("cast_edge_cut_total", "Connections that were hung up on, by reason.");
        for (const auto& [reason, count] : edge->at("cut").items()) f.value(count.get<double>(), {{"reason", reason}});
    }
    if (const auto store = s.find("store"); store != s.end()) {
        f.gauge("cast_store_healthy", "1 while the store takes messages, else 0.",
                store->at("healthy").get<bool>() ? 1 : 0);
        f.counter("cast_store_failures_total", "Attempts of the store that failed.", store->at("failures"));
        f.gauge("cast_store_busy_seconds", "How long the store has been at its present transaction.");
        f.value(store->at("busy_ms").get<double>() / 1e3);
        f.gauge("cast_store_unreadable_streams", "Places from which on the store cannot read.",
                store->at("unreadable").size());
    }
    if (const auto turn = s.find("turn_us_max"); turn != s.end()) {
        f.gauge("cast_turn_seconds_max",
                "The longest turn of the broker's thread, of the last minute and since the start.");
        for (const auto& [window, us] : turn->items()) f.value(us.get<double>() / 1e6, {{"window", window}});
    }
    f.gauge("cast_uptime_seconds", "Since the broker's start.", s.at("uptime_s"));
    f.gauge("cast_latency_seconds",
            "From a message's arrival to its reader's acknowledgement, since the start, by quantile.");
    for (const auto& [name, quantile] : {std::pair{"p50", "0.5"}, std::pair{"p90", "0.9"}, std::pair{"p99", "0.99"},
                                         std::pair{"p999", "0.999"}, std::pair{"max", "1"}})
        f.value(s.at("latency_us").at(name).get<double>() / 1e6, {{"quantile", quantile}});
    f.gauge("cast_build_info", "Always 1; the version is the label.");
    f.value(1, {{"version", s.at("version").get<std::string>()}});
}

}  // namespace

std::string metrics_text(const json& stats, const App& app) {
    Families f;
    broker_counts(f, stats);
    broker_state(f, stats);
    f.counter("cast_http_requests_total", "Requests to the page and the API.", app.traffic.requests);
    f.counter("cast_http_failures_total", "Of those, answered with 400 or more.", app.traffic.failures);
    f.counter("cast_http_refused_connections_total", "Connections beyond the limits.", app.traffic.refused_connections);
    f.gauge("cast_http_held_bytes", "Memory that requests, answers and queues hold together.", app.budget.bytes());
    f.counter("cast_http_ended_total", "Of those, ended or refused because the memory was spent.",
              app.budget.ended() + app.hub.ended());
    f.gauge("cast_http_connections", "Open connections, WebSockets among them.", app.connections);
    f.gauge("cast_http_websockets", "Open WebSockets.", app.traffic.websockets);
    return prometheus::TextSerializer().Serialize(f.all);
}

}  // namespace gateway
