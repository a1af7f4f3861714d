// The table of paths, and the answers that need no more than a call or what the gateway knows. Handlers run on the io
// thread; those that call the broker do it on a worker.
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_text.hpp"
#include "gateway/api/calls.hpp"
#include "gateway/api/messages.hpp"
#include "gateway/api/metrics.hpp"
#include "gateway/app.hpp"
#include "gateway/http/server.hpp"
#include "gateway/http/worker.hpp"

namespace gateway {

using cast::ErrorCode;
using nlohmann::json;

namespace {

constexpr std::size_t kLargeBody = 64 * 1024;

using Call = Answer (*)(Client& client, const Request& request);

/// A call that only looks, and one that changes something.
template <Call call>
awaitable<Answer> read(App& app, Request request, tcp::socket&) {
    Client& client = app.client;
    auto work = [&client, &request] { return call(client, request); };
    co_return co_await on_worker(app.workers, work);
}
template <Call call>
awaitable<Answer> change(App& app, Request request, tcp::socket& socket) {
    Answer answer = co_await read<call>(app, std::move(request), socket);
    app.monitor.changed();
    co_return answer;
}

awaitable<Answer> page(App& app, Request request, tcp::socket&) {
    if (auto file = app.assets.find(request.path)) co_return std::move(*file);
    throw Failure(404, "no_such_path", request.path, "see /api/openapi.json");
}

awaitable<Answer> health(App&, Request, tcp::socket&) { co_return answer_text("ok\n"); }

awaitable<Answer> ready(App& app, Request, tcp::socket&) {
    const json status = json::parse(*co_await app.monitor.status());
    const json answer = {{"status", status.at("status")}, {"reasons", status.at("reasons")}};
    co_return answer_json(answer, answer.at("status") == "ok" ? 200 : 503);
}

awaitable<Answer> metrics(App& app, Request, tcp::socket&) {
    const json stats = co_await app.monitor.stats_json();
    co_return answer_text(metrics_text(stats, app), 200, "text/plain; version=0.0.4; charset=utf-8");
}

awaitable<Answer> openapi(App&, Request, tcp::socket&) {
    co_return answer_text(std::string(openapi_text()), 200, "application/json");
}

awaitable<Answer> status(App& app, Request request, tcp::socket&) {
    request.only({});
    Answer answer;
    answer.body = co_await app.monitor.status();
    co_return answer;
}

awaitable<Answer> stats(App& app, Request request, tcp::socket&) {
    request.only({});
    Answer answer;
    answer.body = co_await app.monitor.stats();
    co_return answer;
}

awaitable<Answer> stats_history(App& app, Request request, tcp::socket&) {
    request.only({"seconds"});
    const std::size_t back = request.number("seconds", 600, 1, 3600);
    co_await app.monitor.status();
    co_return answer_json({{"points", app.monitor.points(back)}});
}

awaitable<Answer> events(App& app, Request request, tcp::socket&) {
    request.only({"count"});
    co_return answer_json({{"events", app.monitor.events(request.number("count", 100, 1, 1000))}});
}

awaitable<Answer> create_node(App& app, Request request, tcp::socket&) {
    const json body = request.object({"node_id", "port"});
    const std::string name = text_member(body, "node_id");
    int port = -1;
    if (const auto at = body.find("port"); at != body.end() && !at->is_null()) {
        if (!at->is_number_integer() || at->get<std::int64_t>() < 0 || at->get<std::int64_t>() > 65535)
            throw Failure(422, "invalid_argument", "\"port\" is no number from 0 to 65535",
                          "0 takes a free one; leave it out for no port");
        port = at->get<int>();
    }
    bool created = false;
    const json node = co_await app.ports.create(name, port, created);
    app.monitor.changed();
    Answer answer = answer_json(show_node(node), created ? 201 : 200);
    if (created) answer.headers.emplace_back("Location", "/api/nodes/" + name);
    co_return answer;
}

awaitable<Answer> send(App& app, Request request, tcp::socket&) {
    auto read = [&request] { return read_outgoing(request.object(kSendMembers, cast::base::kMostValues)); };
    std::optional<Outgoing> outgoing;
    if (request.body.size() > kLargeBody)
        outgoing = co_await on_worker(app.parsing, read);
    else
        outgoing = read();
    std::string().swap(request.body);
    const std::shared_ptr<cast::Node> node = co_await app.sends.sender(outgoing->sender);
    int status = 200;
    const json sent = co_await app.sends.deliver(*node, *outgoing, status);
    Answer answer = answer_json(sent, status);
    app.monitor.changed();
    co_return answer;
}

awaitable<Answer> receive(App& app, Request request, tcp::socket& socket) {
    if (!request.body.empty()) request.object({});
    co_return co_await app.receivers.receive(request, socket);
}
awaitable<Answer> release(App& app, Request request, tcp::socket&) {
    co_return co_await app.receivers.release(request);
}

awaitable<Answer> only_websocket(App&, Request request, tcp::socket&) {
    throw Failure(426, "upgrade_required", request.path + " speaks WebSocket", "connect to it with ws://");
    co_return Answer();
}

awaitable<Answer> options(App&, Request request, tcp::socket&) {
    Answer answer;
    answer.status = 204;
    answer.headers.emplace_back("Allow", allowed_methods(request.path));
    co_return answer;
}

struct Row {
    std::string_view method, pattern;
    Route route;
};

const Row kRows[] = {
    {"GET", "/", {page}},
    {"GET", "/index.html", {page}},
    {"GET", "/app.js", {page}},
    {"GET", "/app.css", {page}},
    {"GET", "/healthz", {health}},
    {"GET", "/readyz", {ready}},
    {"GET", "/metrics", {metrics}},
    {"GET", "/api/openapi.json", {openapi}},
    {"GET", "/api/status", {status}},
    {"GET", "/api/stats", {stats}},
    {"GET", "/api/stats/history", {stats_history}},
    {"GET", "/api/events", {events}},
    {"GET", "/api/nodes", {read<list_nodes>}},
    {"POST", "/api/nodes", {create_node}},
    {"GET", "/api/nodes/{}", {read<get_node>}},
    {"DELETE", "/api/nodes/{}", {change<delete_node>}},
    {"GET", "/api/nodes/{}/messages", {read<node_messages>}},
    {"GET", "/api/nodes/{}/mailbox", {read<peek>}},
    {"DELETE", "/api/nodes/{}/mailbox", {change<purge>}},
    {"POST", "/api/nodes/{}/receive", {.answer = receive, .bare = true}},
    {"GET", "/api/nodes/{}/receive", {.answer = receive, .deprecated = true, .acts = true}},
    {"DELETE", "/api/nodes/{}/receive", {release}},
    {"GET", "/api/groups", {read<list_groups>}},
    {"POST", "/api/groups", {change<create_group>}},
    {"GET", "/api/groups/{}", {read<get_group>}},
    {"DELETE", "/api/groups/{}", {change<delete_group>}},
    {"POST", "/api/groups/{}/members", {change<join_group>}},
    {"DELETE", "/api/groups/{}/members/{}", {change<leave_group>}},
    {"GET", "/api/groups/{}/messages", {read<group_messages>}},
    {"GET", "/api/broadcast/messages", {read<broadcast_messages>}},
    {"POST", "/api/send", {send}},
    {"POST", "/api/files", {nullptr, true}},
    {"GET", "/api/later", {read<list_scheduled>}},
    {"DELETE", "/api/later/{}", {change<cancel_scheduled>}},
    {"GET", "/api/dead", {read<list_dead_letters>}},
    {"DELETE", "/api/dead", {change<purge_dead_letters>}},
    {"GET", "/api/dead/{}", {read<get_dead_letter>}},
    {"DELETE", "/api/dead/{}", {change<delete_dead_letter>}},
    {"POST", "/api/dead/{}/requeue", {change<requeue_dead_letter>}},
    {"GET", "/ws", {only_websocket}},
    {"GET", "/ws/nodes/{}", {only_websocket}},
};

/// Fills in what stands at the {}s; false when the path is another one.
bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& names) {
    names.clear();
    for (;;) {
        const std::size_t p = std::min(pattern.find('/', 1), pattern.size()),
                          s = std::min(path.find('/', 1), path.size());
        const std::string_view want = pattern.substr(0, p), got = path.substr(0, s);
        if (want == "/{}") {
            auto name = got.size() > 1 ? decode(got.substr(1), false) : std::nullopt;
            if (!name || name->empty()) return false;
            names.push_back(std::move(*name));
        } else if (want != got) {
            return false;
        }
        pattern.remove_prefix(p);
        path.remove_prefix(s);
        if (pattern.empty() || path.empty()) return pattern.empty() && path.empty();
    }
}

}  // namespace

Route find_route(Request& request) {
    bool known = false;
    for (const Row& row : kRows) {
        if (!matches(row.pattern, request.path, request.names)) continue;
        known = true;
        if (row.method != request.method || (row.route.acts && request.head)) continue;
        if (row.route.acts && request.browser)
            throw Failure(403, "forbidden", "a browser does not do this by GET", "send a POST to the same path");
        return row.route;
    }
    if (!known) throw Failure(404, "no_such_path", request.path.substr(0, 200), "see /api/openapi.json");
    if (request.method == "OPTIONS") return {options};
    throw Failure(405, "method_not_allowed", request.method.substr(0, 20) + " " + request.path.substr(0, 200),
                  "it takes " + allowed_methods(request.path));
}

std::string allowed_methods(std::string_view target) {
    const std::string_view path = target.substr(0, target.find('?'));
    std::vector<std::string> names;
    std::string all;
    for (const Row& row : kRows)
        if (matches(row.pattern, path, names))
            all += (all.empty() ? "" : ", ") + std::string(row.method) +
                   (row.method == "GET" && !row.route.acts ? ", HEAD" : "");
    return all + (all.empty() ? "" : ", ") + "OPTIONS";
}

}  // namespace gateway
