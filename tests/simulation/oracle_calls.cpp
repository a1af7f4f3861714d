// The oracle of management calls: what they do to nodes, groups and letters, and that an answer which promises
// something leaves when the disk has it.
#include <nlohmann/json.hpp>

#include "simulation/oracle.hpp"
#include "simulation/random.hpp"

namespace sim {

using nlohmann::json;

namespace {

std::string request_text(const json& request, const char* key) {
    const auto at = request.find(key);
    return at != request.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

/// Those of the nodes that a call names who are members of the group that it names.
void Oracle::note_members(broker::Router& router, const json& request, const std::string& group_name) {
    const broker::Group* group = router.state().directory.group(group_name);
    const auto names = request.find("nodes");
    if (group == nullptr || names == request.end() || !names->is_array()) return;
    for (const json& name : *names) {
        broker::Node* node = name.is_string() ? router.state().directory.node(name.get<std::string>()) : nullptr;
        if (node != nullptr && node->membership(*group) != nullptr)
            call_.members.push_back({node->name, node->id, group->name, group->stream.id()});
    }
}

void Oracle::calls(broker::Router& router, const broker::ControlCall& call) {
    call_ = {};
    const json request = json::parse(call.json, nullptr, false);
    if (!request.is_object()) return;
    call_.op = request_text(request, "op");
    call_.name = request_text(request, call_.op == "purge" ? "node" : "name");
    if (call_.op == "group.leave") note_members(router, request, request_text(request, "group"));
    const broker::Node* node = router.state().directory.node(call_.name);
    if (call_.op == "node.delete" && node != nullptr) {
        call_.node = node->id;
        for (const auto& lane : node->lanes) call_.ended[lane->stream.id()] = end_of(*lane);
    }
    const auto seq = request.find("seq");
    if (!call_.op.starts_with("dead.") || seq == request.end() || !seq->is_number_integer()) return;
    if (router.dead().loading()) return;
    const auto letter = router.dead().view(seq->get<std::uint64_t>());
    if (!letter) return;
    call_.letter = letter->id;
    call_.message = number_of(letter->message.payload);
    call_.name = letter->letter.target;
    call_.priority = static_cast<std::uint8_t>(letter->letter.priority);
}

void Oracle::called(broker::Router& router, const broker::ControlCall& call, const broker::ControlAnswer& answer,
                    const cast::test::MemoryDisk& disk) {
    broker::Directory& directory = router.state().directory;
    if (answer.changes && router.config().durable) promises_[{call.from, call.request}] = router.state().turn + 1;
    for (const auto& m : call_.members) {
        broker::Node* node = directory.node(m.name);
        const broker::Group* group = directory.group(m.group);
        if (node == nullptr || group == nullptr || node->membership(*group) == nullptr) left(m.node, m.stream);
    }
    const broker::Node* node = directory.node(call_.name);
    if (call_.node != 0 && (node == nullptr || node->id != call_.node)) ended_.merge(call_.ended);
    if (call_.op == "purge" && node != nullptr && answer.code == cast::ErrorCode::ok)
        for (const auto& lane : node->lanes) purged(call_.name, lane->stream.id(), lane->stream.last());
    if (call_.letter == 0 || router.dead().view(call_.letter)) return;
    require(answer.code == cast::ErrorCode::ok, "a letter is gone that was neither put back nor thrown away");
    if (call_.op == "dead.requeue")
        requeued(router, call_.name, call_.priority, call_.message, disk);
    else
        dug_up(call_.message);
}

void Oracle::check_promise(broker::ConnectionId to, std::string_view bytes, broker::Turn committed) {
    cast::wire::Frame frame;
    cast::wire::ControlReply reply;
    if (promises_.empty() || read_frame(bytes, frame) != cast::ErrorCode::ok ||
        frame.verb != cast::wire::Verb::control_reply || !decode(frame.body, reply))
        return;
    const auto at = promises_.find({to, reply.request});
    if (at == promises_.end()) return;
    require(at->second <= committed, [&] {
        return text("the answer to call %u leaves, which turn %llu decided, and the disk has turn %llu", reply.request,
                    ull(at->second), ull(committed));
    });
    promises_.erase(at);
}

}  // namespace sim
