// Asking the broker how it is. io thread; the calls themselves on a worker.
#include "gateway/push/monitor.hpp"

#include "gateway/app.hpp"
#include "gateway/http/request.hpp"
#include "gateway/http/worker.hpp"

namespace gateway {

using nlohmann::json;

namespace {

constexpr std::size_t kPoints = 3600, kEvents = 1000;
constexpr seconds kFresh{1}, kViewed{60}, kIdle{10};

double per_second(const json& now, const json& before, const char* cast) {
    if (!before.is_object()) return 0;
    const double passed = now.at("time_us").get<double>() - before.at("time_us").get<double>();
    const double count = now.at("messages").at(cast).get<double>() - before.at("messages").at(cast).get<double>();
    return passed > 0 && count >= 0 ? count / passed * 1e6 : 0;
}

std::uint64_t sum(const json& counts) {
    std::uint64_t all = 0;
    for (const json& count : counts) all += count.get<std::uint64_t>();
    return all;
}

json status_json(const json& stats, const json& status, const json& casts) {
    const json& nodes = stats.at("nodes");
    json messages = stats.at("messages");
    messages["delivered"] = stats.at("delivered").at("messages");
    messages["queued"] = stats.at("queued").at("messages");
    messages["queued_bytes"] = stats.at("queued").at("bytes");
    messages["refused"] = sum(stats.at("refused"));
    messages["expired"] = stats.at("expired");
    messages["redelivered"] = stats.at("redelivered");
    json store = {{"kind", status.at("store")}, {"healthy", status.at("store_healthy")}};
    store["bytes"] = status.at("memory_bytes");
    store["budget"] = status.at("memory_budget");
    return {{"status", status.at("status")},
            {"reasons", status.at("reasons")},
            {"version", stats.at("version")},
            {"uptime_s", stats.at("uptime_s")},
            {"time_us", stats.at("time_us")},
            {"epoch", stats.at("epoch")},
            {"nodes", nodes.at("known")},
            {"active_nodes", nodes.at("attached")},
            {"created_nodes", nodes.at("created")},
            {"groups", stats.at("groups")},
            {"connections", stats.at("connections")},
            {"sessions", stats.at("sessions")},
            {"messages", std::move(messages)},
            {"rates", stats.at("rates")},
            {"casts", casts},
            {"latency_us", stats.at("latency_us")},
            {"store", std::move(store)},
            {"cluster", {{"enabled", false}}}};
}

}  // namespace

Monitor::Monitor(App& app) : app_(app), answered_(app.io) {}

awaitable<void> Monitor::ask() {
    asking_ = true;
    const std::uint64_t change = change_;
    try {
        Client& client = app_.client;
        auto work = [&client] {
            return std::make_pair(client.call({{"op", "stats"}}), client.call({{"op", "status"}}));
        };
        auto [stats, status] = co_await on_worker(app_.asking, work);
        point(stats, status);
        const json& last = points_.back();
        const json casts = {
            {"unicast", last.at("unicast")}, {"multicast", last.at("multicast")}, {"broadcast", last.at("broadcast")}};
        known_.status = std::make_shared<const std::string>(dump(status_json(stats, status, casts)));
        known_.stats = std::make_shared<const std::string>(dump(stats));
        known_.stats_json = std::move(stats);
        known_.at = steady_clock::now();
        known_.change = change;
        failure_code_.clear();
    } catch (const Failure& failure) {
        failure_code_ = failure.code;
        failure_text_ = failure.what();
    } catch (const std::exception& fault) {
        failure_code_ = "internal";
        failure_text_ = fault.what();
    }
    asking_ = false;
    ++asked_;
    answered_.notify();
}

awaitable<void> Monitor::refresh() {
    viewed_ = steady_clock::now();
    auto fresh = [this] {
        return known_.change == change_ && known_.status != nullptr && steady_clock::now() - known_.at < kFresh;
    };
    // One that is under way when we come may have been asked before the change.
    for (int tries = 0; tries < 3 && !fresh(); ++tries) {
        const std::uint64_t asked = asked_;
        if (asking_)
            while (asked_ == asked) co_await answered_.wait();
        else
            co_await ask();
        if (!failure_code_.empty())
            throw Failure(503, failure_code_, failure_text_,
                          "the broker does not answer its own page; its log may say why");
    }
}

awaitable<Text> Monitor::status() {
    co_await refresh();
    co_return known_.status;
}

awaitable<Text> Monitor::stats() {
    co_await refresh();
    co_return known_.stats;
}

awaitable<json> Monitor::stats_json() {
    co_await refresh();
    co_return known_.stats_json;
}

void Monitor::point(const json& stats, const json& status) {
    const json& rate = stats.at("rates").at("1s");
    json point = {{"time_us", stats.at("time_us")},
                  {"messages_in", rate.at("messages_in")},
                  {"messages_out", rate.at("messages_out")},
                  {"bytes_in", rate.at("bytes_in")},
                  {"bytes_out", rate.at("bytes_out")},
                  {"unicast", per_second(stats, before_, "unicast")},
                  {"multicast", per_second(stats, before_, "multicast")},
                  {"broadcast", per_second(stats, before_, "broadcast")},
                  {"queued", stats.at("queued").at("messages")},
                  {"queued_bytes", status.at("queued_bytes")},
                  {"nodes", stats.at("nodes").at("known")},
                  {"active_nodes", stats.at("nodes").at("attached")},
                  {"p50", stats.at("latency_us").at("p50")},
                  {"p99", stats.at("latency_us").at("p99")}};
    // Two within half a second: the later one has the last change in it, and stands for both.
    const bool close = !points_.empty() &&
                       point["time_us"].get<std::int64_t>() - points_.back()["time_us"].get<std::int64_t>() < 500'000;
    if (close) {
        for (const char* cast : {"unicast", "multicast", "broadcast"}) point[cast] = points_.back()[cast];
        point["time_us"] = points_.back()["time_us"];
        points_.back() = std::move(point);
        return;
    }
    before_ = {{"time_us", stats.at("time_us")}, {"messages", stats.at("messages")}};
    points_.push_back(std::move(point));
    if (points_.size() > kPoints) points_.pop_front();
}

json Monitor::points(std::size_t seconds_back) const {
    json all = json::array();
    if (points_.empty()) return all;
    const std::int64_t since =
        points_.back()["time_us"].get<std::int64_t>() - static_cast<std::int64_t>(seconds_back) * 1'000'000;
    for (const json& point : points_)
        if (point["time_us"].get<std::int64_t>() > since) all.push_back(point);
    return all;
}

json Monitor::events(std::size_t count) const {
    json all = json::array();
    for (auto at = events_.rbegin(); at != events_.rend() && all.size() < count; ++at) all.push_back(*at);
    return all;
}

void Monitor::event(json event) {
    ++change_;
    events_.push_back(std::move(event));
    if (events_.size() > kEvents) events_.pop_front();
}

awaitable<void> Monitor::run() {
    error_code ec;
    asio::steady_timer timer(app_.io);
    auto due = steady_clock::now();
    while (!app_.stopping) {
        const auto now = steady_clock::now();
        const bool viewed = app_.hub.size() > 0 || now - viewed_ < kViewed;
        if (now >= due) {
            if (!asking_) co_await ask();
            if (known_.status != nullptr && failure_code_.empty()) app_.hub.tell_status(known_.status, known_.stats);
            due = now + (viewed ? kFresh : kIdle);
        } else if (viewed) {
            due = std::min(due, now + kFresh);
        }
        timer.expires_after(std::min<steady_clock::duration>(
            milliseconds(250), std::max<steady_clock::duration>(due - steady_clock::now(), milliseconds(1))));
        co_await timer.async_wait(into(ec));
    }
}

}  // namespace gateway
