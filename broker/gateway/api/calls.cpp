// Management calls as paths. Worker threads; see calls.hpp.
#include "gateway/api/calls.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "gateway/api/messages.hpp"

namespace gateway {

using nlohmann::json;

namespace {

constexpr std::size_t kLogContent = 64 * 1024;  // bytes of a content in a message log
constexpr std::size_t kPage = 2000;             // nodes or groups asked for at a time

json show_group(const json& shown) {
    json group = shown, out = {{"group_id", shown.at("name")}};
    group.erase("name");
    out.update(group);
    return out;
}

Answer list_page(Client& client, const Request& request, const char* op, const char* key, json (*show)(const json&)) {
    request.only({"search", "after", "offset", "limit"});
    json call = {{"op", op}};
    for (const char* name : {"search", "after"})
        if (auto given = request.asked(name)) call[name] = *given;
    call["offset"] = request.number("offset", 0, 0, INT64_MAX);
    json answer = list_all(client, std::move(call), key, request.number("limit", 1000, 1, 1000));
    for (json& one : answer.at(key)) one = show(one);
    return answer_json(answer);
}

/// A call about one dead letter.
json call_dead_letters(Client& client, const json& request) {
    try {
        return client.call(request);
    } catch (const Failure& failure) {
        if (failure.code != "deleted") throw;
        throw Failure(404, "no_such_message", std::to_string(request.at("seq").get<std::uint64_t>()),
                      "GET /api/dead lists them");
    }
}

Answer message_log(Client& client, json request, const Request& asked) {
    asked.only({"count", "before"});
    request["op"] = "history";
    request["count"] = asked.number("count", 50, 1, 1000);
    if (asked.asked("before")) request["before"] = asked.number("before", 0, 0, UINT64_MAX);
    json answer = client.call(request);
    json messages = json::array();
    for (const json& record : answer.at("messages")) messages.push_back(show_record(record, kLogContent));
    return answer_json({{"messages", std::move(messages)}, {"next_before", answer.value("next_before", json())}});
}

std::uint64_t number_of(const Request& request, const char* hint = "GET /api/dead lists them") {
    const std::string& text = request.names.front();
    if (text.empty() || text.size() > 19 || text.find_first_not_of("0123456789") != std::string::npos)
        throw Failure(404, "no_such_message", text.substr(0, 60), hint);
    return std::stoull(text);
}

json show_dead_letter(const json& dead) {
    json out = dead;
    out.erase("record");
    if (dead.contains("record")) out["message"] = show_record(dead.at("record"), kLogContent);
    return out;
}

}  // namespace

json list_all(Client& client, json request, const char* key, std::size_t most) {
    json all = json::array();
    for (;;) {
        request["limit"] = std::min(most - all.size(), kPage);
        json answer = client.call(request);
        for (json& one : answer.at(key)) all.push_back(std::move(one));
        const bool last = answer.at("next_after").is_null();
        if (!last) request["after"] = answer["next_after"];
        request["offset"] = 0;
        if (!last && all.size() < most) continue;
        answer[key] = std::move(all);
        return answer;
    }
}

json show_node(const json& node) {
    json out = node;
    out.erase("name");
    out.erase("attached");
    out["node_id"] = node.at("name");
    out["active"] = node.at("attached");
    return out;
}

Answer list_nodes(Client& client, const Request& request) {
    return list_page(client, request, "node.list", "nodes", show_node);
}

Answer get_node(Client& client, const Request& request) {
    request.only({});
    return answer_json(show_node(client.call({{"op", "node.show"}, {"name", request.names[0]}})));
}

Answer delete_node(Client& client, const Request& request) {
    request.only({});
    client.call({{"op", "node.delete"}, {"name", request.names[0]}});
    return answer_json({{"deleted", request.names[0]}});
}

Answer node_messages(Client& client, const Request& request) {
    return message_log(client, {{"node", request.names[0]}}, request);
}
Answer group_messages(Client& client, const Request& request) {
    return message_log(client, {{"group", request.names[0]}}, request);
}
Answer broadcast_messages(Client& client, const Request& request) {
    return message_log(client, {{"broadcast", true}}, request);
}

Answer peek(Client& client, const Request& request) {
    request.only({"count"});
    const json answer =
        client.call({{"op", "peek"}, {"node", request.names[0]}, {"count", request.number("count", 50, 1, 1000)}});
    json messages = json::array();
    for (const json& record : answer.at("messages")) messages.push_back(show_record(record, kLogContent));
    return answer_json({{"messages", std::move(messages)}});
}

Answer purge(Client& client, const Request& request) {
    request.only({});
    return answer_json(client.call({{"op", "purge"}, {"node", request.names[0]}}));
}

Answer list_groups(Client& client, const Request& request) {
    return list_page(client, request, "group.list", "groups", show_group);
}

Answer create_group(Client& client, const Request& request) {
    const json body = request.object({"group_id", "nodes"});
    const std::string name = text_member(body, "group_id");
    json call = {{"op", "group.create"}, {"name", name}};
    if (body.contains("nodes")) call["nodes"] = names_member(body, "nodes");
    bool known = true;
    try {
        known = client.call({{"op", "group.show"}, {"name", name}}).at("created").get<bool>();
    } catch (const Failure& failure) {
        if (failure.code != "no_such_group") throw;
        known = false;
    }
    Answer answer = answer_json(show_group(client.call(call)), known ? 200 : 201);
    if (!known) answer.headers.emplace_back("Location", "/api/groups/" + name);
    return answer;
}

Answer get_group(Client& client, const Request& request) {
    request.only({"after"});
    json call = {{"op", "group.show"}, {"name", request.names[0]}};
    if (auto after = request.asked("after")) call["after"] = *after;
    return answer_json(show_group(client.call(call)));
}

Answer delete_group(Client& client, const Request& request) {
    request.only({});
    client.call({{"op", "group.delete"}, {"name", request.names[0]}});
    return answer_json({{"deleted", request.names[0]}});
}

Answer join_group(Client& client, const Request& request) {
    const std::vector<std::string> nodes = names_member(request.object({"nodes"}), "nodes");
    if (nodes.empty()) throw Failure(422, "invalid_argument", "\"nodes\" is empty", "name at least one");
    client.call({{"op", "group.join"}, {"group", request.names[0]}, {"nodes", nodes}});
    return answer_json(show_group(client.call({{"op", "group.show"}, {"name", request.names[0]}})));
}

Answer leave_group(Client& client, const Request& request) {
    request.only({});
    client.call({{"op", "group.leave"}, {"group", request.names[0]}, {"nodes", {request.names[1]}}});
    try {
        return answer_json(show_group(client.call({{"op", "group.show"}, {"name", request.names[0]}})));
    } catch (const Failure& failure) {
        if (failure.code != "no_such_group") throw;
        return answer_json({{"deleted", request.names[0]}});  // its last member has left
    }
}

Answer list_dead_letters(Client& client, const Request& request) {
    request.only({"count", "before"});
    json call = {{"op", "dead.list"}, {"count", request.number("count", 50, 1, 1000)}};
    if (request.asked("before")) call["before"] = request.number("before", 0, 0, UINT64_MAX);
    const json answer = client.call(call);
    json all = json::array();
    for (const json& dead : answer.at("dead")) all.push_back(show_dead_letter(dead));
    const std::size_t shown = all.size();
    return answer_json({{"dead", std::move(all)},
                        {"total", answer.value("total", shown)},
                        {"next_before", answer.value("next_before", json())}});
}

Answer get_dead_letter(Client& client, const Request& request) {
    request.only({});
    return answer_json(show_dead_letter(call_dead_letters(client, {{"op", "dead.show"}, {"seq", number_of(request)}})));
}

Answer delete_dead_letter(Client& client, const Request& request) {
    request.only({});
    return answer_json(call_dead_letters(client, {{"op", "dead.purge"}, {"seq", number_of(request)}}));
}

Answer purge_dead_letters(Client& client, const Request& request) {
    request.only({});
    return answer_json(client.call({{"op", "dead.purge"}}));
}

Answer list_scheduled(Client& client, const Request& request) {
    request.only({"count"});
    json answer = client.call({{"op", "later.list"}, {"count", request.number("count", 1000, 1, 1000)}});
    for (json& one : answer.at("later")) {
        one["cast_type"] = one.at("cast");
        one.erase("cast");
    }
    answer["time_us"] = cast::base::wall_us();
    return answer_json(answer);
}

Answer cancel_scheduled(Client& client, const Request& request) {
    request.only({});
    static constexpr const char* kHint = "it has gone, or was called off; GET /api/later lists what waits";
    const std::uint64_t id = number_of(request, kHint);
    if (client.call({{"op", "later.cancel"}, {"ids", {id}}}).at("canceled").empty())
        throw Failure(404, "no_such_message", std::to_string(id), kHint);
    return answer_json({{"canceled", id}});
}

Answer requeue_dead_letter(Client& client, const Request& request) {
    request.only({});
    return answer_json(call_dead_letters(client, {{"op", "dead.requeue"}, {"seq", number_of(request)}}));
}

}  // namespace gateway
