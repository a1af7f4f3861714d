// The management calls that are about messages: looking at them, throwing them away. Broker's thread.
#include "control/control_call.hpp"
#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using nlohmann::json;

namespace {

constexpr std::int64_t kCount = 50, kCountMost = 1000;

/// "count" of a call, 1 to 1000; 0 when it makes no sense.
std::size_t count_of(const Call& call) {
    if (!call.request.contains("count")) return kCount;
    const std::int64_t count = call.number("count");
    return count < 1 || count > kCountMost ? 0 : static_cast<std::size_t>(count);
}

Node* node_of(const Call& call) {
    Node* node = call.router.state().directory.node(call.text("node"));
    return node == nullptr || node->hidden ? nullptr : node;
}

/// The group that a call names, or broadcast; null: there is none.
Group* group_of(const Call& call) {
    Directory& directory = call.router.state().directory;
    const auto all = call.request.find("broadcast");
    if (all != call.request.end() && all->is_boolean() && all->get<bool>()) return &directory.broadcast();
    return cast::wire::reserved_name(call.text("group")) ? nullptr : directory.group(call.text("group"));
}

ControlAnswer deferred() {
    ControlAnswer answer;
    answer.deferred = true;
    return answer;
}

ControlAnswer bad_count() { return fail(ErrorCode::invalid_argument, "\"count\" is 1 to 1000"); }

}  // namespace

ControlAnswer call_peek(const Call& call) {
    const Node* node = node_of(call);
    const std::size_t count = count_of(call);
    if (node == nullptr) return fail(ErrorCode::no_such_node, call.text("node"));
    if (count == 0) return bad_count();
    call.router.browser().peek(call.asker, *node, count, call.now, call.outbox);
    return deferred();
}

ControlAnswer call_history(const Call& call) {
    const std::size_t count = count_of(call);
    const std::int64_t before = call.number("before");
    if (count == 0) return bad_count();
    if (before < 0) return fail(ErrorCode::invalid_argument, "\"before\" is a number of an earlier answer");
    if (!call.request.contains("node")) {
        const Group* group = group_of(call);
        if (group == nullptr) return fail(ErrorCode::no_such_group, call.text("group"));
        call.router.browser().kept(call.asker, *group, count, static_cast<Sequence>(before), call.now, call.outbox);
        return deferred();
    }
    const Node* node = node_of(call);
    if (node == nullptr) return fail(ErrorCode::no_such_node, call.text("node"));
    call.router.browser().history(call.asker, *node, count, static_cast<std::uint64_t>(before), call.outbox);
    return deferred();
}

ControlAnswer call_purge(const Call& call) {
    std::uint64_t count = 0;
    if (call.request.contains("node")) {
        Node* node = node_of(call);
        if (node == nullptr) return fail(ErrorCode::no_such_node, call.text("node"));
        count = call.router.purge(*node, call.now, call.outbox);
    } else {
        Group* group = group_of(call);
        if (group == nullptr) return fail(ErrorCode::no_such_group, call.text("group"));
        count = call.router.purge(*group);
    }
    return good({{"purged", count}});
}

}  // namespace broker
