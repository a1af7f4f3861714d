// Calls out, answers in.
#include "simulation/operator.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "simulation/world.hpp"
#include "wire/messages.hpp"

namespace sim {

using namespace cast::wire;
using nlohmann::json;

namespace {

/// What the answer to a call is: an object, which has what was asked for.
void check_answer(const std::string& call, const ControlReply& reply) {
    const json answer = json::parse(reply.json, nullptr, false);
    const std::string op = json::parse(call)["op"];
    require(answer.is_object(), [&] { return "the answer to " + call + " is no JSON object"; });
    static const std::map<std::string, const char*> has = {
        {"stats", "edge"},     {"status", "reasons"},   {"node.list", "nodes"}, {"group.list", "groups"},
        {"peek", "messages"},  {"history", "messages"}, {"dead.list", "dead"},  {"later.list", "later"},
        {"node.show", "name"}, {"group.show", "name"},  {"purge", "purged"},    {"dead.show", "seq"}};
    const auto at = has.find(op);
    require(at == has.end() || answer.contains(at->second),
            [&] { return "the answer to " + call + " lacks what it is about"; });
    if (op != "peek") return;
    for (const json& message : answer["messages"])
        require(message["target"] == json::parse(call)["node"], "a look at a mailbox shows another's message");
}

}  // namespace

std::int64_t Operator::due() const {
    return wire_ == nullptr ? reconnect_us_ : std::min(wire_->down.due(), wire_->client_sees_us);
}

void Operator::wake() {
    if (wire_ != nullptr && wire_->client_sees_us <= world_.now()) lose();
    if (wire_ == nullptr && reconnect_us_ <= world_.now()) connect();
    while (wire_ != nullptr && wire_->down.due() <= world_.now()) take_frame(wire_->down.pop().bytes);
}

void Operator::connect() {
    wire_ = world_.network().open(-2);
    world_.trace("the operator connects as wire %llu", ull(wire_->id));
    if (!world_.daemon().up()) {
        wire_->dead_up = wire_->dead_down = true;
        wire_->client_sees_us = world_.now() + world_.random().between(5, 200) * kMs;
    }
    Hello hello{session_, ++attempt_, 0, "operator"};
    hello.secret = std::string_view("the operator's o").substr(0, kSecret);
    world_.network().send_up(*wire_, encode(hello), world_.now());
}

void Operator::lose() {
    wire_->closed = true;
    wire_->broker_sees_us = std::min(wire_->broker_sees_us, world_.now() + world_.random().between(0, 50) * kMs);
    wire_ = nullptr;
    asked_.clear();
    reconnect_us_ = world_.now() + (world_.healed() ? 20 : world_.random().between(1, 200)) * kMs;
}

void Operator::call(const std::string& request) {
    if (wire_ == nullptr) return;
    world_.trace("call %u: %s", request_ + 1, request.c_str());
    asked_[++request_] = request;
    world_.network().send_up(*wire_, encode(Control{request_, request}), world_.now());
}

void Operator::take_frame(const std::string& bytes) {
    Frame frame;
    Ping ping;
    ErrorReply error;
    ControlReply reply;
    require(read_frame(bytes, frame) == cast::ErrorCode::ok, "the operator hears what is no frame");
    if (frame.verb == Verb::ping && decode(frame.body, ping))
        return world_.network().send_up(*wire_, encode_ping(Verb::pong, ping), world_.now());
    if (frame.verb == Verb::error && decode(frame.body, error, frame.version)) return lose();
    if (frame.verb != Verb::control_reply) return;
    require(decode(frame.body, reply), "the operator hears an answer that does not parse");
    const auto at = asked_.find(reply.request);
    require(at != asked_.end(), [&] { return text("call %u was answered twice", reply.request); });
    world_.trace("call %u is answered: %s", reply.request, cast::error_name(reply.code));
    if (reply.code == cast::ErrorCode::ok) check_answer(at->second, reply);
    asked_.erase(at);
    ++answers_;
}

void Operator::cut() {
    if (wire_ == nullptr) return;
    Random& random = world_.random();
    world_.trace("the operator's wire %llu is cut", ull(wire_->id));
    wire_->dead_up = wire_->dead_down = true;
    wire_->down.keep(random.below(wire_->down.size() + 1));
    wire_->up.keep(random.below(wire_->up.size() + 1));
    wire_->client_sees_us = world_.now() + random.between(0, 2000) * kMs;
    if (random.one_in(2)) wire_->broker_sees_us = world_.now() + random.between(0, 300) * kMs;
}

std::string Operator::unrest() const {
    if (wire_ == nullptr || wire_->dead_up) return "the operator is not connected";
    return asked_.empty() ? "" : "a call has no answer: " + asked_.begin()->second;
}

std::string some_query(Random& random, const std::string& node, const std::string& group) {
    static const std::vector<std::string> ops = {
        "stats",   "status",  "node.list", "node.list", "group.list", "node.show",  "peek", "peek",
        "history", "history", "dead.list", "dead.show", "later.list", "group.show", "tap",  "nothing"};
    json call = {{"op", random.pick(ops)}};
    const std::string op = call["op"];
    if (op.starts_with("node.")) call["name"] = node;
    if (op.starts_with("group.")) call["name"] = group;
    if (random.one_in(2)) call["search"] = random.one_in(2) ? "n" : "E";
    if (random.one_in(3)) call["limit"] = random.below(4);
    if (op == "dead.show") call["seq"] = random.below(20);
    if (op == "tap") call["key"] = "guessed";
    if (op == "peek" || random.one_in(2)) call["node"] = node;
    if (op == "history") call["group"] = group;
    if (random.one_in(6)) call["broadcast"] = true;
    if (random.one_in(6)) call["before"] = random.below(50);
    if (random.one_in(4)) call["count"] = random.one_in(9) ? 0 : random.between(1, 100);
    return call.dump();
}

bool only_reads(std::string_view text) {
    static const std::set<std::string> changes = {"node.create", "node.delete", "group.create", "group.delete",
                                                  "group.join",  "group.leave", "purge",        "dead.requeue",
                                                  "dead.purge",  "later.cancel"};
    const json call = json::parse(text, nullptr, false);
    if (!call.is_object()) return true;
    const auto op = call.find("op");
    return op == call.end() || !op->is_string() || !changes.contains(op->get<std::string>());
}

}  // namespace sim
