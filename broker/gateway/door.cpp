// JSON in, JSON out, for a node. io thread; see door.hpp.
#include "gateway/door.hpp"

#include <nlohmann/json.hpp>

#include "gateway/app.hpp"
#include "gateway/messages.hpp"
#include "gateway/request.hpp"
#include "gateway/worker.hpp"
#include "json_text.hpp"

namespace gateway {

using nlohmann::json;

namespace {

constexpr std::uint64_t kAhead = 256;          // messages given out without an acknowledgement...
constexpr std::size_t kAheadBytes = 1 << 20;   // ...or their bytes
constexpr std::size_t kQueueBytes = 4u << 20;  // unwritten: answers to somebody who sends and never reads

}  // namespace

Door::Door(App& app, std::string name, cast::Node node, bool acks_itself)
    : app_(app),
      name_(std::move(name)),
      max_message_(node.connection().max_message()),
      acks_itself_(acks_itself),
      changed_(app.io) {
    app_.doors.insert(this);
    held_ = std::make_shared<HeldNode>(app.io, std::move(node));
    say({{"type", "ready"},
         {"node_id", name_},
         {"max_message", max_message_},
         {"ack", acks_itself_ ? "auto" : "client"}});
}

Door::~Door() { app_.doors.erase(this); }

void Door::say(const json& what) {
    if (ending_) return;
    Item item{dump(what), 0};
    queued_bytes_ += item.text.size();
    queue_.push_back(std::move(item));
    if (queued_bytes_ > kQueueBytes + kAheadBytes) end(ErrorCode::would_block);
    changed_.notify();
}

void Door::gap(std::size_t count, const std::string& text) { say({{"type", "gap"}, {"count", count}, {"message", text}}); }

void Door::end(ErrorCode code) {
    if (ending_) return;
    if (code != ErrorCode::ok && code != ErrorCode::would_block) say(error_json(Failure(code, name_)));
    ending_ = true;
    ended_ = code;
    held_->wake();
    changed_.notify();
}

/// Acknowledging is for all that was given out: so what is given out stops now and then, until all of it is handled.
bool Door::full() const { return given_ - acked_ >= kAhead || given_bytes_ >= kAheadBytes; }

void Door::done(std::uint64_t n) {
    done_ = std::max(done_, std::min(n, given_));
    if (done_ != given_ || acked_ == given_ || ending_) return;
    held_->node().ack();
    acked_ = given_;
    given_bytes_ = 0;
    stuffed_ = false;
    changed_.notify();
}

awaitable<void> Door::pump() {
    const auto self = shared_from_this();
    while (!ending_) {
        if (stuffed_) {
            co_await changed_.wait();
            continue;
        }
        auto message = held_->node().receive(milliseconds(0));
        if (message) {
            Item item{dump(json{{"type", "message"}, {"n", ++given_}, {"message", show(*message)}}), given_};
            given_bytes_ += item.text.size();
            queued_bytes_ += item.text.size();
            queue_.push_back(std::move(item));
            stuffed_ = full();
            changed_.notify();
        } else if (message.code() == ErrorCode::timed_out) {
            co_await held_->wait(steady_clock::time_point::max());
        } else {
            end(message.code());
        }
    }
}

awaitable<std::string> Door::next() {
    const auto self = shared_from_this();
    while (queue_.empty() && !ending_) co_await changed_.wait();
    if (queue_.empty() || ended_ == ErrorCode::would_block) co_return std::string();
    Item item = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= item.text.size();
    writing_ = item.n;
    co_return std::move(item.text);
}

void Door::written() {
    if (acks_itself_ && writing_ > 0) done(writing_);
}

awaitable<void> Door::handle(std::string text) {
    const auto self = shared_from_this();
    json answer = json::object();
    std::optional<Failure> failed;
    try {
        const json request = broker::parse_json(text);
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
        if (type == "send") {
            co_await send(request, answer);
        } else if (type == "join" || type == "leave") {
            co_await membership(request, answer);
        } else if (type == "ack") {
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
    } catch (const Failure& failure) {
        failed = failure;
    } catch (const std::exception& fault) {
        failed = Failure(500, "internal", fault.what(), "please report it");
    }
    if (!failed) co_return;
    answer.update(error_json(*failed));
    say(answer);
}

awaitable<void> Door::send(const json& request, json answer) {
    json body = request;
    body.erase("type");
    body.erase("ref");
    if (body.contains("sender")) throw Failure(422, "invalid_argument", "\"sender\" is this node", "leave it out");
    if (!body.contains("cast_type")) body["cast_type"] = body.contains("group_id") ? "multicast" : "unicast";
    check_members(body, kSendMembers);
    Client& client = app_.client;
    auto work = [&client, held = held_, body = std::move(body)]() {
        const Outgoing outgoing = read_outgoing(body);
        int status = 200;
        return deliver(
            client, outgoing,
            [&held](const Outgoing& o) { return held->node().send_each(o.message, cast::Wait::receipt, o.timeout); },
            status);
    };
    const json outcome = co_await on_worker(app_.senders, work);
    answer["type"] = "sent";
    answer.update(outcome);
    say(answer);
}

awaitable<void> Door::membership(const json& request, json answer) {
    check_members(request, {"type", "group_id", "ref"});
    const std::string group = text_member(request, "group_id");
    const bool join = request["type"] == "join";
    auto work = [held = held_, group, join] { return join ? held->node().join(group) : held->node().leave(group); };
    const cast::Result<void> done = co_await on_worker(app_.workers, work);
    if (!done) throw Failure(done.error());
    answer.update({{"type", "ok"}, {"group_id", group}});
    say(answer);
}

}  // namespace gateway
