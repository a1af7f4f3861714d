// JSON in, JSON out, for a node. io thread; see node_session.hpp.
#include "gateway/node_ports/node_session.hpp"

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "gateway/api/messages.hpp"
#include "gateway/app.hpp"
#include "gateway/http/request.hpp"
#include "gateway/http/server.hpp"
#include "gateway/http/worker.hpp"

namespace gateway {

using nlohmann::json;

namespace {

constexpr std::uint64_t kAhead = 256;           // messages given out without an acknowledgement...
constexpr std::size_t kAheadBytes = 1 << 20;    // ...or their bytes
constexpr std::size_t kMessageOverhead = 1024;  // of a message that is being sent, beside its payload
constexpr std::size_t kQueueBytes = 4u << 20;   // unwritten: answers to somebody who sends and never reads

}  // namespace

NodeSession::NodeSession(App& app, std::string name, cast::Node node, bool acks_itself)
    : app_(app),
      name_(std::move(name)),
      max_message_(node.connection().max_message()),
      acks_itself_(acks_itself),
      hold_(app.budget, [this] { end(ErrorCode::would_block); }),
      changed_(app.io) {
    app_.sessions.insert(this);
    held_ = std::make_shared<HeldNode>(app.io, std::move(node));
    say({{"type", "ready"},
         {"node_id", name_},
         {"max_message", max_message_},
         {"ack", acks_itself_ ? "auto" : "client"}});
}

NodeSession::~NodeSession() { app_.sessions.erase(this); }

void NodeSession::say(const json& what) {
    if (ending_) return;
    queue(dump(what), 0);
    if (queued_bytes_ > kQueueBytes + kAheadBytes) end(ErrorCode::would_block);
}

void NodeSession::queue(std::string text, std::uint64_t n) {
    queued_bytes_ += text.size();
    queue_.push_back({std::move(text), n});
    if (!hold_.set(queued_bytes_)) end(ErrorCode::would_block);
    changed_.notify();
}

void NodeSession::gap(std::size_t count, const std::string& text) {
    say({{"type", "gap"}, {"count", count}, {"message", text}});
}

void NodeSession::end(ErrorCode code) {
    if (ending_) return;
    if (code != ErrorCode::ok && code != ErrorCode::would_block) say(error_json(Failure(code, name_)));
    ending_ = true;
    ended_ = code;
    if (code == ErrorCode::would_block) queue_.clear(), hold_.release();  // nobody reads it
    held_->wake();
    changed_.notify();
}

/// Acknowledging is for all that was given out: so what is given out stops now and then, until all of it is handled.
bool NodeSession::full() const { return given_ - acked_ >= kAhead || given_bytes_ >= kAheadBytes; }

void NodeSession::done(std::uint64_t n) {
    done_ = std::max(done_, std::min(n, given_));
    if (done_ != given_ || acked_ == given_ || ending_) return;
    held_->node().ack();
    acked_ = given_;
    given_bytes_ = 0;
    stuffed_ = false;
    changed_.notify();
}

awaitable<void> NodeSession::pump() {
    const auto self = shared_from_this();
    while (!ending_) {
        if (stuffed_) {
            co_await changed_.wait();
            continue;
        }
        auto message = held_->node().receive(milliseconds(0));
        if (message) {
            std::string text = dump(json{{"type", "message"}, {"n", ++given_}, {"message", show(*message)}});
            given_bytes_ += text.size();
            queue(std::move(text), given_);
            stuffed_ = full();
        } else if (message.code() == ErrorCode::timed_out) {
            co_await held_->wait(steady_clock::time_point::max());
        } else {
            end(message.code());
        }
    }
}

awaitable<std::string> NodeSession::next() {
    const auto self = shared_from_this();
    while (queue_.empty() && !ending_) co_await changed_.wait();
    if (queue_.empty() || ended_ == ErrorCode::would_block) co_return std::string();
    Item item = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= item.text.size();
    if (!hold_.ended() && !hold_.set(queued_bytes_)) end(ErrorCode::would_block);
    writing_ = item.n;
    co_return std::move(item.text);
}

void NodeSession::written() {
    if (acks_itself_ && writing_ > 0) done(writing_);
}

/// What takes a while: a message to send, or a group to join or leave.
struct NodeSession::Task {
    std::optional<Outgoing> outgoing;
    std::optional<std::string> group;
    bool join = false;
};

awaitable<void> NodeSession::handle(std::string text) {
    const auto self = shared_from_this();
    json answer = json::object();
    std::optional<Failure> failed;
    try {
        Task task = read(text, answer);  // the JSON takes much room, and is gone before anything waits
        std::string().swap(text);
        if (task.outgoing) co_await send(std::move(*task.outgoing), answer);
        if (task.group) co_await membership(std::move(*task.group), task.join, answer);
    } catch (const Failure& failure) {
        failed = failure;
    } catch (const std::exception& fault) {
        failed = Failure(500, "internal", fault.what(), "please report it");
    }
    if (!failed) co_return;
    answer.update(error_json(*failed));
    say(answer);
}

/// Obeys at once, or says what is to be done. `answer` gets the "ref".
NodeSession::Task NodeSession::read(const std::string& text, json& answer) {
    json request = cast::base::parse_json(text, cast::base::kMostValues);
    if (!request.is_object())
        throw Failure(400, "malformed", "not a JSON object",
                      "send one object, such as {\"content\": \"hi\", \"recipients\": [\"bob\"]}");
    if (const auto ref = request.find("ref"); ref != request.end()) {
        if (!ref->is_number() && !ref->is_string())
            throw Failure(422, "invalid_argument", "\"ref\" is neither a number nor a string",
                          "it comes back in the answer");
        answer["ref"] = *ref;
    }
    const std::string type =
        text_member(request, "type", request.contains("content") || request.contains("content_b64") ? "send" : "");
    Task task;
    if (type == "send") {
        request.erase("type");
        request.erase("ref");
        if (request.contains("sender"))
            throw Failure(422, "invalid_argument", "\"sender\" is this node", "leave it out");
        if (!request.contains("cast_type"))
            request["cast_type"] = request.contains("group_id") ? "multicast" : "unicast";
        check_members(request, kSendMembers);
        task.outgoing = read_outgoing(request);
    } else if (type == "join" || type == "leave") {
        check_members(request, {"type", "group_id", "ref"});
        task.group = text_member(request, "group_id");
        task.join = type == "join";
    } else {
        obey(request, type, answer);
    }
    return task;
}

void NodeSession::obey(const json& request, const std::string& type, json& answer) {
    if (type == "ack") {
        check_members(request, {"type", "n", "ref"});
        if (!request.contains("n") || !request["n"].is_number_unsigned())
            throw Failure(422, "invalid_argument", "\"n\" is missing",
                          "it is the n of the last message that was handled");
        done(request["n"].get<std::uint64_t>());
    } else if (type == "mode") {
        check_members(request, {"type", "ack", "ref"});
        const std::string mode = text_member(request, "ack");
        if (mode != "auto" && mode != "client")
            throw Failure(422, "invalid_argument", "\"ack\" is neither auto nor client", "client: you acknowledge");
        acks_itself_ = mode == "auto";
        if (acks_itself_) done(queue_.empty() ? given_ : 0);
        answer.update({{"type", "ok"}, {"ack", mode}});
        say(answer);
    } else if (type == "ping") {
        answer["type"] = "pong";
        say(answer);
    } else {
        throw Failure(422, "invalid_argument", "no such type: \"" + type.substr(0, 60) + "\"",
                      "send, ack, join, leave, mode or ping");
    }
}

awaitable<void> NodeSession::send(Outgoing outgoing, json answer) {
    Budget::Hold hold(app_.budget, [] {});
    if (!hold.set(outgoing.message.payload().size() + kMessageOverhead) || !hold.work()) throw no_room();
    const std::shared_ptr<HeldNode> held = held_;
    int status = 200;
    const json outcome = co_await app_.sends.deliver(held->node(), outgoing, status);
    answer["type"] = "sent";
    answer.update(outcome);
    say(answer);
}

awaitable<void> NodeSession::membership(std::string group, bool join, json answer) {
    auto work = [held = held_, group, join] { return join ? held->node().join(group) : held->node().leave(group); };
    const cast::Result<void> done = co_await on_worker(app_.workers, work);
    if (!done) throw Failure(done.error());
    answer.update({{"type", "ok"}, {"group_id", group}});
    say(answer);
}

}  // namespace gateway
