// cast::Admin: management calls as JSON, and their answers as plain structs. Any thread.
#include <cast/admin.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "src/connection/link.hpp"
#include "src/node/message_access.hpp"
#include "src/session/session_time.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace cast {

using nlohmann::json;
using std::chrono::milliseconds;

struct Admin::State {
    std::shared_ptr<detail::Link> link;
    milliseconds timeout{5000};
    bool watching = false;

    Result<json> call(const json& request) const {
        auto answer = link->call(base::dump_json(request), detail::deadline_us(timeout));
        if (!answer) return answer.error();
        json parsed = json::parse(*answer, nullptr, false);
        if (parsed.is_discarded()) return Error{ErrorCode::malformed, "the broker's answer"};
        return parsed;
    }

    /// Of the link's hidden node in one of the broker's own groups.
    Result<void> membership(const char* op, std::string_view group) const {
        auto name = link->reply_node(detail::deadline_us(timeout));
        if (!name) return name.error();
        auto answer = call({{"op", op}, {"group", group}, {"nodes", {*name}}});
        if (!answer) return answer.error();
        return {};
    }
};

namespace {

constexpr int kPage = 1000;  // nodes or groups asked for at a time, which is the most

// A broker of another version may leave members out: what is missing has its default.
template <class T>
T get(const json& j, const char* key, T fallback) {
    const auto at = j.find(key);
    if (at == j.end()) return fallback;
    if constexpr (std::is_same_v<T, std::string>)
        return at->is_string() ? at->template get<T>() : fallback;
    else if constexpr (std::is_same_v<T, bool>)
        return at->is_boolean() ? at->template get<T>() : fallback;
    else
        return at->is_number() ? at->template get<T>() : fallback;
}

std::vector<std::string> names(const json& j, const char* key) {
    std::vector<std::string> all;
    const auto at = j.find(key);
    if (at != j.end() && at->is_array())
        for (const json& name : *at)
            if (name.is_string()) all.push_back(name.get<std::string>());
    return all;
}

NodeInfo node_info(const json& j) {
    NodeInfo n;
    n.name = get(j, "name", std::string());
    n.created = get(j, "created", false);
    n.attached = get(j, "attached", false);
    n.port = get(j, "port", 0);
    n.groups = names(j, "groups");
    n.queued = get(j, "queued", std::uint64_t{0});
    n.queued_bytes = get(j, "queued_bytes", std::uint64_t{0});
    n.received = get(j, "received", std::uint64_t{0});
    n.acknowledged = get(j, "acknowledged", std::uint64_t{0});
    n.sent = get(j, "sent", std::uint64_t{0});
    n.agent = get(j, "agent", std::string());
    n.host = get(j, "host", std::string());
    return n;
}

GroupInfo group_info(const json& j) {
    GroupInfo g;
    g.name = get(j, "name", std::string());
    g.created = get(j, "created", false);
    g.members = names(j, "members");
    g.messages = get(j, "messages", std::uint64_t{0});
    g.bytes = get(j, "bytes", std::uint64_t{0});
    g.retained = get(j, "retained", std::uint64_t{0});
    return g;
}

ScheduledInfo scheduled_info(const json& j) {
    ScheduledInfo l;
    l.id = get(j, "id", std::uint64_t{0});
    l.due = std::chrono::system_clock::time_point(std::chrono::microseconds(get(j, "due_us", std::int64_t{0})));
    l.cast = get(j, "cast", std::string());
    l.sender = get(j, "sender", std::string());
    l.target = get(j, "target", std::string());
    l.messages = get(j, "messages", std::uint64_t{0});
    l.bytes = get(j, "bytes", std::uint64_t{0});
    return l;
}

template <class T, class Make>
Result<T> one(const Result<json>& answer, Make make) {
    if (!answer) return answer.error();
    return make(*answer);
}

template <class T, class Make>
Result<std::vector<T>> many(const Result<json>& answer, const char* key, Make make) {
    if (!answer) return answer.error();
    std::vector<T> all;
    const auto at = answer->find(key);
    if (at != answer->end() && at->is_array())
        for (const json& j : *at) all.push_back(make(j));
    return all;
}

/// All of a list that the broker answers a page at a time.
template <class T, class Call, class Make>
Result<std::vector<T>> pages(Call call, const char* op, const char* key, Make make) {
    std::vector<T> all;
    for (json request = {{"op", op}, {"limit", kPage}};;) {
        const Result<json> answer = call(request);
        auto page = many<T>(answer, key, make);
        if (!page) return page.error();
        all.insert(all.end(), std::make_move_iterator(page->begin()), std::make_move_iterator(page->end()));
        std::string last = get(*answer, "next_after", std::string());
        if (page->empty() || last.empty()) return all;
        request["after"] = std::move(last);
    }
}

/// A group with all its members, which the broker tells a page at a time.
template <class Call>
Result<GroupInfo> whole_group(Call call, GroupInfo group, std::string after) {
    while (!after.empty()) {
        const Result<json> answer = call(json{{"op", "group.show"}, {"name", group.name}, {"after", after}});
        if (!answer) return answer.error();
        std::vector<std::string> more = names(*answer, "members");
        after = more.empty() ? std::string() : get(*answer, "next_after", std::string());
        group.members.insert(group.members.end(), std::make_move_iterator(more.begin()),
                             std::make_move_iterator(more.end()));
    }
    return group;
}

Result<void> none(const Result<json>& answer) {
    if (!answer) return answer.error();
    return {};
}

/// As many calls as the list takes, until one fails; one at least, which refuses what is wrong with the rest of it.
template <class T, class Call>
Result<void> in_parts(const std::vector<T>& all, Call call) {
    auto at = all.begin();
    do {
        const auto end = at + std::min<std::ptrdiff_t>(all.end() - at, wire::kControlList);
        if (auto done = call(std::vector<T>(at, end)); !done) return done;
        at = end;
    } while (at != all.end());
    return {};
}

}  // namespace

Result<Admin> Admin::open(Options options) {
    auto connection = Connection::open(std::move(options));
    if (!connection) return connection.error();
    return Admin(std::move(*connection));
}

Admin::Admin(Connection connection) : state_(std::make_shared<State>()) { state_->link = std::move(connection.link_); }
void Admin::set_timeout(milliseconds timeout) { state_->timeout = timeout; }

Result<NodeInfo> Admin::create_node(std::string_view name, int port, bool pick_port) {
    return one<NodeInfo>(
        state_->call({{"op", "node.create"}, {"name", name}, {"port", port}, {"pick_port", pick_port}}), node_info);
}
Result<void> Admin::delete_node(std::string_view name) {
    return none(state_->call({{"op", "node.delete"}, {"name", name}}));
}
Result<NodeInfo> Admin::node(std::string_view name) {
    return one<NodeInfo>(state_->call({{"op", "node.show"}, {"name", name}}), node_info);
}
Result<std::vector<NodeInfo>> Admin::nodes() {
    return pages<NodeInfo>([this](const json& request) { return state_->call(request); }, "node.list", "nodes",
                           node_info);
}

Result<GroupInfo> Admin::create_group(std::string_view name) {
    return one<GroupInfo>(state_->call({{"op", "group.create"}, {"name", name}}), group_info);
}
Result<void> Admin::delete_group(std::string_view name) {
    return none(state_->call({{"op", "group.delete"}, {"name", name}}));
}
Result<GroupInfo> Admin::group(std::string_view name) {
    const auto call = [this](const json& request) { return state_->call(request); };
    const Result<json> first = call({{"op", "group.show"}, {"name", name}});
    if (!first) return first.error();
    return whole_group(call, group_info(*first), get(*first, "next_after", std::string()));
}
Result<std::vector<GroupInfo>> Admin::groups() {
    const auto call = [this](const json& request) { return state_->call(request); };
    std::vector<std::string> after;
    auto all = pages<GroupInfo>(call, "group.list", "groups", [&after](const json& j) {
        after.push_back(get(j, "next_after", std::string()));
        return group_info(j);
    });
    if (!all) return all;
    for (std::size_t i = 0; i < all->size(); ++i) {
        if (after[i].empty()) continue;
        auto whole = whole_group(call, (*all)[i], std::move(after[i]));  // deleted meanwhile: what is known is told
        if (!whole && whole.code() != ErrorCode::no_such_group) return whole.error();
        if (whole) (*all)[i] = std::move(*whole);
    }
    return all;
}
Result<void> Admin::join(std::string_view group, const std::vector<std::string>& nodes) {
    return in_parts(nodes, [&](const auto& some) {
        return none(state_->call({{"op", "group.join"}, {"group", group}, {"nodes", some}}));
    });
}
Result<void> Admin::leave(std::string_view group, const std::vector<std::string>& nodes) {
    return in_parts(nodes, [&](const auto& some) {
        return none(state_->call({{"op", "group.leave"}, {"group", group}, {"nodes", some}}));
    });
}

Result<std::vector<ScheduledInfo>> Admin::scheduled(std::size_t count) {
    return many<ScheduledInfo>(state_->call({{"op", "later.list"}, {"count", count}}), "later", scheduled_info);
}
Result<std::vector<std::uint64_t>> Admin::cancel_scheduled(const std::vector<std::uint64_t>& ids) {
    std::vector<std::uint64_t> all;
    const auto done = in_parts(ids, [&](const auto& some) -> Result<void> {
        const auto gone =
            many<std::uint64_t>(state_->call({{"op", "later.cancel"}, {"ids", some}}), "canceled",
                                [](const json& id) { return id.is_number_unsigned() ? id.get<std::uint64_t>() : 0; });
        if (!gone) return gone.error();
        all.insert(all.end(), gone->begin(), gone->end());
        return {};
    });
    if (!done) return done.error();
    return all;
}

Result<std::string> Admin::stats() {
    return state_->link->call(R"({"op":"stats"})", detail::deadline_us(state_->timeout));
}
Result<std::string> Admin::status() {
    return state_->link->call(R"({"op":"status"})", detail::deadline_us(state_->timeout));
}

Result<std::string> Admin::call(std::string_view request) {
    return state_->link->call(std::string(request), detail::deadline_us(state_->timeout));
}

Result<Event> Admin::next_event(milliseconds timeout) {
    const std::int64_t until = detail::deadline_us(timeout);
    if (!state_->watching) {
        const auto joined = state_->membership("group.join", wire::kEventsGroup);
        if (joined.code() == ErrorCode::timed_out) return Error{ErrorCode::unreachable, "the broker does not answer"};
        if (!joined) return joined.error();
        state_->watching = true;
    }
    auto message = state_->link->next_event(until);
    if (!message) return message.error();
    Event event;
    event.json = std::string(message->payload());
    const json j = json::parse(event.json, nullptr, false);
    if (!j.is_object()) return Error{ErrorCode::malformed, "an event that is no JSON object"};
    event.kind = get(j, "event", std::string());
    event.node = get(j, "node", std::string());
    event.group = get(j, "group", std::string());
    event.time = std::chrono::system_clock::time_point(std::chrono::microseconds(get(j, "time_us", std::int64_t{0})));
    return event;
}

}  // namespace cast
