// Management calls. Broker's thread.
#include "control/control_call.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/json_text.hpp"
#include "control/digging.hpp"
#include "control/events_json.hpp"
#include "control/listing.hpp"
#include "control/stats_json.hpp"
#include "wire/frame.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using nlohmann::json;

namespace {

ControlAnswer node_create(const Call& call) {
    State& state = call.router.state();
    const std::string name = call.text("name");
    std::int64_t port = call.number("port");
    const auto given = call.request.find("port");
    if (given != call.request.end() && !given->is_number())
        return fail(ErrorCode::malformed, "\"port\" is to be a number");
    if (given != call.request.end() && !given->is_number_integer())
        return fail(ErrorCode::invalid_argument, "a port is 0 to 65535");
    const auto pick = call.request.find("pick_port");
    const bool picks = pick != call.request.end() && pick->is_boolean() && pick->get<bool>();
    if (port < 0 || port > 65535) return fail(ErrorCode::invalid_argument, "a port is 0 to 65535");
    const Node* known = state.directory.node(name);
    if (known != nullptr && known->created && port != 0 && known->port != 0 && known->port != port)
        return fail(ErrorCode::already_exists, name + " has port " + std::to_string(known->port));
    const Node* holder = state.directory.holder_of_port(static_cast<int>(port));
    if (holder != nullptr && holder != known)
        return fail(ErrorCode::already_exists, "port " + std::to_string(port) + " belongs to " + holder->name);
    if (picks && port == 0 && (known == nullptr || known->port == 0)) {
        const auto taken = [&] {
            return port == 0 || state.directory.holder_of_port(static_cast<int>(port)) != nullptr;
        };
        for (int tries = 0; tries < 16 && taken(); ++tries) port = call.free_port();
        if (taken()) return fail(ErrorCode::internal, "no free port found");
    }
    ErrorCode code = ErrorCode::ok;
    Node* node = call.router.create_node(name, code, call.now, call.outbox);
    if (node == nullptr) return fail(code, "'" + name + "'");
    if (port != 0 && node->port != port) {
        state.directory.set_port(*node, static_cast<int>(port));
        if (state.watched()) call.outbox.events.push_back({"changed", name, {}, call.now.wall_us, node->port});
    }
    return good(node_json(state, *node));
}

ControlAnswer node_delete(const Call& call) {
    const std::string name = call.text("name");
    const ErrorCode code = call.router.delete_node(name, call.now, call.outbox);
    return code == ErrorCode::ok ? good(json::object()) : fail(code, name);
}

ControlAnswer node_show(const Call& call) {
    State& state = call.router.state();
    const Node* node = state.directory.node(call.text("name"));
    if (node == nullptr || node->hidden) return fail(ErrorCode::no_such_node, call.text("name"));
    return good(node_json(state, *node));
}

constexpr const char* kLongList = "a list in a call is at most 1,000 long: make several calls";

/// Adds these nodes to a group or takes them out: all of them, or none.
ControlAnswer change_members(const Call& call, const std::string& group, bool join) {
    const auto nodes = call.request.find("nodes");
    const bool list = nodes != call.request.end() && nodes->is_array();
    if (!list || !std::all_of(nodes->begin(), nodes->end(), [](const json& name) { return name.is_string(); }))
        return fail(ErrorCode::malformed, "\"nodes\" is to be a list of names");
    if (nodes->size() > cast::wire::kControlList) return fail(ErrorCode::too_many, kLongList);
    State& state = call.router.state();
    for (const json& name : *nodes)
        if (state.directory.node(name.get_ref<const std::string&>()) == nullptr)
            return fail(ErrorCode::no_such_node, name.get<std::string>());
    std::vector<std::string> joined;
    bool left = false;
    for (const json& name : *nodes) {
        const auto& node = name.get_ref<const std::string&>();
        const Group* known = state.directory.group(group);
        const bool member = known != nullptr && state.directory.node(node)->membership(*known) != nullptr;
        const ErrorCode code = join ? call.router.join(node, group, call.now, call.outbox)
                                    : call.router.leave(node, group, call.now, call.outbox);
        if (join && code == ErrorCode::ok && !member) joined.push_back(node);
        if (left && code == ErrorCode::no_such_group) continue;  // it went with its last member
        left = left || (!join && code == ErrorCode::ok);
        if (code == ErrorCode::ok) continue;
        for (const std::string& one : joined) call.router.leave(one, group, call.now, call.outbox);
        return fail(code, code == ErrorCode::no_such_node ? node : group);
    }
    return good(json::object());
}

ControlAnswer group_create(const Call& call) {
    const std::string name = call.text("name");
    if (cast::wire::reserved_name(name)) return fail(ErrorCode::forbidden, name);
    if (call.request.contains("nodes")) {
        ControlAnswer members = change_members(call, name, true);
        if (members.code != ErrorCode::ok) return members;
    }
    ErrorCode code = ErrorCode::ok;
    Group* group = call.router.create_group(name, code, call.now, call.outbox);
    if (group == nullptr) return fail(code, "'" + name + "'");
    group->created = true;
    call.router.state().touch(group->stream);
    return good(group_json(*group));
}

ControlAnswer group_delete(const Call& call) {
    const ErrorCode code = call.router.delete_group(call.text("name"), call.now, call.outbox);
    return code == ErrorCode::ok ? good(json::object()) : fail(code, call.text("name"));
}

ControlAnswer group_show(const Call& call) {
    const Group* group = call.router.state().directory.group(call.text("name"));
    if (group == nullptr || cast::wire::reserved_name(group->name))
        return fail(ErrorCode::no_such_group, call.text("name"));
    return good(group_json(*group, call.text("after")));
}

ControlAnswer node_list(const Call& call) { return call.listing.nodes(call); }
ControlAnswer group_list(const Call& call) { return call.listing.groups(call); }

ControlAnswer group_join(const Call& call) { return change_members(call, call.text("group"), true); }
ControlAnswer group_leave(const Call& call) { return change_members(call, call.text("group"), false); }

constexpr std::int64_t kListedMost = 1000;

/// What waits for its time, the next one first.
ControlAnswer scheduled_list(const Call& call) {
    const std::int64_t wanted = call.number("count");
    const auto most = static_cast<std::size_t>(wanted <= 0 ? kListedMost : std::min(wanted, kListedMost));
    json all = json::array();
    const Scheduled& scheduled = call.router.scheduled();
    scheduled.for_each(call.now, [&](Sequence id, const ScheduledBatch& entry) {
        if (all.size() == most) return false;
        const auto batch = cast::wire::read_batch(entry.frame.view().substr(cast::wire::kFrameHeader));
        const cast::wire::BatchHeader& h = batch->header;
        const char* kind = h.cast == cast::wire::Cast::unicast     ? "unicast"
                           : h.cast == cast::wire::Cast::multicast ? "multicast"
                                                                   : "broadcast";
        all.push_back({{"id", id},
                       {"due_us", entry.due_by(call.now)},
                       {"cast", kind},
                       {"sender", h.sender},
                       {"target", h.target},
                       {"priority", h.priority},
                       {"messages", entry.count},
                       {"bytes", entry.size}});
        return true;
    });
    return good({{"later", std::move(all)}, {"messages", scheduled.messages()}, {"bytes", scheduled.bytes()}});
}

ControlAnswer scheduled_cancel(const Call& call) {
    const auto ids = call.request.find("ids");
    const bool list = ids != call.request.end() && ids->is_array();
    if (!list || !std::all_of(ids->begin(), ids->end(), [](const json& id) { return id.is_number_unsigned(); }))
        return fail(ErrorCode::malformed, "\"ids\" is to be a list of numbers");
    if (ids->size() > cast::wire::kControlList) return fail(ErrorCode::too_many, kLongList);
    json canceled = json::array();
    for (const json& id : *ids)
        if (call.router.scheduled().cancel(id.get<Sequence>(), call.now)) canceled.push_back(id);
    return good({{"canceled", std::move(canceled)}});
}

using Answer = ControlAnswer (*)(const Call&);
const std::map<std::string_view, Answer> kCalls = {
    {"node.create", node_create},
    {"node.delete", node_delete},
    {"node.show", node_show},
    {"node.list", node_list},
    {"group.create", group_create},
    {"group.delete", group_delete},
    {"group.show", group_show},
    {"group.list", group_list},
    {"group.join", group_join},
    {"group.leave", group_leave},
    {"peek", call_peek},
    {"history", call_history},
    {"purge", call_purge},
    {"dead.list", call_dead_letters_list},
    {"dead.show", call_dead_letters_show},
    {"dead.requeue", call_dead_letters_requeue},
    {"dead.purge", call_dead_letters_purge},
    {"later.list", scheduled_list},
    {"later.cancel", scheduled_cancel},
};

/// Of node.create: a port that is to be opened.
bool wants_port(const json& request) {
    const auto port = request.find("port"), pick = request.find("pick_port");
    const bool given = port != request.end() && port->is_number_integer() && *port != 0;
    return given || (pick != request.end() && pick->is_boolean() && pick->get<bool>());
}

}  // namespace

Control::Control(Router& router, const Store& store, const Edge& edge, Process process, Now started)
    : router_(router),
      store_(store),
      edge_(edge),
      process_(std::move(process)),
      started_(started),
      listing_(std::make_unique<Listing>(router)),
      digging_(std::make_unique<Digging>(router)) {}

Control::~Control() = default;

bool Control::go_on(Now now, Outbox& outbox) {
    const bool lists = listing_->go_on(outbox), digs = digging_->go_on(now, outbox);
    return lists || digs;
}

ControlAnswer Control::answer(const ControlCall& asked, Now now, Outbox& outbox) {
    if (asked.json.size() > cast::wire::kControlMax)
        return fail(ErrorCode::too_large, "a control call is at most 256 KiB");
    const json request = cast::base::parse_json(asked.json);
    if (!request.is_object()) return fail(ErrorCode::malformed, "a control call is a JSON object");
    const Call call{request, router_, *listing_,         *digging_, {asked.from, asked.request},
                    now,     outbox,  process_.free_port};
    const std::string op = call.text("op");
    if (op == "stats") {
        json stats = stats_json(router_, store_, process_.version, started_, now);
        stats["edge"] = edge_json(edge_.counts());
        return good(stats);
    }
    if (op == "status")
        return good(status_json(router_, store_, process_.page.troubles(), process_.version, started_, now));
    if (op == "tap") {  // everybody's mail: not for whoever reaches the broker
        if (!process_.page.is_key(call.text("key")))
            return fail(ErrorCode::forbidden, "messages are shown to the broker's own page alone");
        return good({{"samples", samples_json(router_.state().sampler.take(now))}});
    }
    const auto at = kCalls.find(op);
    if (at == kCalls.end()) return fail(ErrorCode::unknown_verb, "no such call: '" + op + "'");
    const bool reads = op.ends_with(".show") || op.ends_with(".list") || op == "peek" || op == "history";
    static const std::set<std::string_view> let_go = {"node.delete", "group.delete", "group.leave",
                                                      "purge",       "dead.purge",   "later.cancel"};
    const bool takes = let_go.contains(op) ? store_.lets_go() : store_.healthy();
    if (!reads && !takes) return fail(ErrorCode::store_failed, store_.trouble());  // its answer could not come
    if (op == "node.create" && !process_.page.serves() && wants_port(request))
        return fail(ErrorCode::invalid_argument,
                    "the ports of nodes are opened by the server of the page, and that is off (--http off)");
    ControlAnswer answer = at->second(call);
    answer.changes = answer.code == ErrorCode::ok && !answer.deferred && !answer.again && !reads;
    return answer;
}

}  // namespace broker
