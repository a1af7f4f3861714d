// cast::Node: attaching, receiving, groups. Sending is in sending.cpp and sending_async.cpp. Threads as cast/node.hpp
// says.
#include <cast/node.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "src/connection/thread.hpp"
#include "src/node/message_access.hpp"
#include "src/node/node_state.hpp"
#include "src/session/session_time.hpp"
#include "wire/names.hpp"

namespace cast {

using std::chrono::milliseconds;

namespace detail {

std::shared_ptr<Node::State> make_node(std::shared_ptr<Link> link, std::shared_ptr<Attachment> attachment) {
    auto state = std::make_shared<Node::State>();
    state->link = std::move(link);
    state->attachment = std::move(attachment);
    state->name = state->attachment->inbox.name;
    state->reader = std::make_unique<Reader>(state->link, state->attachment, state->link->options().manual_ack);
    return state;
}

Taking::~Taking() {
    if (!ours_) return;
    node_.turn.give_back();
    node_.heed();
}

Error Taking::why_not() const {
    if (Error end = node_.ended(); end.code != ErrorCode::ok) return end;
    if (node_.shared())
        return {ErrorCode::invalid_argument, "Connection::receive_some receives as '" + node_.name + "'"};
    if (node_.calls_back) return {ErrorCode::invalid_argument, "on_message receives as '" + node_.name + "'"};
    if (node_.turn.ours())
        return {ErrorCode::invalid_argument, "called within a callback of receive_some for '" + node_.name + "'"};
    return {ErrorCode::invalid_argument, "another thread receives as '" + node_.name + "' just now"};
}

}  // namespace detail

using detail::Lock;

Node::Node(std::shared_ptr<State> state) : state_(std::move(state)) {}
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(Node&& other) noexcept {
    Node old(std::move(*this));
    state_ = std::move(other.state_);
    return *this;
}

Node::~Node() {
    if (state_ == nullptr) return;
    state_->closing = true;
    if (state_->callbacks.joinable()) {
        Lock lock = state_->link->lock();
        state_->link->wake(lock);
        lock.unlock();
        if (state_->callbacks.get_id() == std::this_thread::get_id() || state_->link->forked())
            state_->callbacks.detach();  // destroyed by its own callback: the thread keeps the state until it ends
        else
            state_->callbacks.join();
    }
}

Node::State::~State() {
    Lock lock = link->lock();
    if (link->forked()) return;
    if (poll_fd >= 0) link->watched(lock).remove(&attachment->inbox);
    // What was sent goes out before the node is gone: a batch whose sender is not attached is refused.
    link->session(lock).outbound().push(link->outbox(lock));
    link->session(lock).detach(attachment, detail::now_us(), link->outbox(lock));
    link->carry_out(lock);
    lock.unlock();
    if (poll_fd >= 0) close(poll_fd);
}

Result<Node> Node::attach(std::string name, Options options) {
    if (!wire::valid_name(name)) return Error{ErrorCode::invalid_name, "'" + name + "'"};
    auto link = detail::Link::open(std::move(options), false);
    if (!link) return link.error();
    return Connection(std::move(*link)).attach(std::move(name));
}

std::string_view Node::name() const { return state_->name; }
Connection Node::connection() const { return Connection(state_->link); }

namespace {

Result<void> membership(const Node::State& node, const char* op, std::string_view group) {
    if (Error end = node.ended(); end.code != ErrorCode::ok) return end;
    if (!wire::valid_name(group)) return Error{ErrorCode::invalid_name, "'" + std::string(group) + "'"};
    std::string json = std::string(R"({"op":"group.)") + op + R"(","group":")" + std::string(group) +
                       R"(","nodes":[")" + node.name + R"("]})";
    auto answer = node.link->call(std::move(json), detail::deadline_us(node.link->options().send_timeout));
    if (!answer) return answer.error();
    return {};
}

}  // namespace

Result<void> Node::join(std::string_view group) { return membership(*state_, "join", group); }
Result<void> Node::leave(std::string_view group) { return membership(*state_, "leave", group); }

Result<Message> Node::receive(milliseconds timeout) {
    const detail::Taking turn(*state_);
    if (!turn) return turn.why_not();
    Message message;
    const ErrorCode code = state_->reader->next(message, timeout.count() <= 0 ? 0 : detail::deadline_us(timeout));
    if (state_->poll_fd >= 0) state_->reader->settle_descriptor(state_->poll_fd);
    if (code == ErrorCode::ok) return message;
    return code == ErrorCode::timed_out ? Error{code, {}} : state_->ended();
}

Result<std::size_t> Node::receive_some(const std::function<void(const Message&)>& handle, milliseconds timeout) {
    if (!handle) return Error{ErrorCode::invalid_argument, "there is no function to call"};
    const detail::Taking turn(*state_);
    if (!turn) return turn.why_not();
    detail::Reader& reader = *state_->reader;
    Message message;
    const ErrorCode code = reader.next(message, timeout.count() <= 0 ? 0 : detail::deadline_us(timeout));
    if (code == ErrorCode::timed_out) return code;
    if (code != ErrorCode::ok) return state_->ended();
    std::size_t count = 0;
    try {
        do {
            handle(message);
            ++count;
            reader.handled_carefully();
        } while (!state_->closing && !reader.ended() && reader.next_here(message));
    } catch (...) {
        reader.put_back();
        throw;  // the program's own
    }
    if (state_->poll_fd >= 0) reader.settle_descriptor(state_->poll_fd);
    return count;
}

void Node::ack() { state_->ack(detail::Reader::kAll); }
void Node::ack(std::uint64_t count) { state_->ack(count); }

void Node::State::ack(std::uint64_t count) {
    if (turn.ours()) return reader->ack(count);  // within a callback
    if (turn.take()) {
        reader->ack(count);
        turn.give_back();
    } else {
        reader->ask_ack(count);
    }
    heed();
}

void Node::State::heed() {
    while (reader->asked() && turn.take()) {  // else its holder does it when it leaves
        reader->ack_asked();
        turn.give_back();
    }
}

Error Node::State::ended() const {
    const ErrorCode code = attachment->inbox.closed;
    if (code == ErrorCode::closed) return link->closed();
    return {code, code == ErrorCode::ok ? std::string() : name};
}

void Node::State::run_callbacks(const std::function<void(const Message&)>& handle) {
    { const std::lock_guard started(starting); }
    while (!closing) {
        Message message;
        const std::int64_t until = detail::now_us() + 200 * detail::kMillisecond;
        const ErrorCode code = reader->next(message, until);
        if (code == ErrorCode::timed_out) continue;
        if (code != ErrorCode::ok) return turn.give_back();  // receive() says it, too
        do {
            handle(message);
            reader->handled_carefully();
        } while (!closing && !reader->ended() && reader->next_here(message));
    }
    if (!link->options().manual_ack) reader->ack();
}

Result<void> Node::on_message(std::function<void(const Message&)> handle) {
    if (!handle) return Error{ErrorCode::invalid_argument, "there is no function to call"};
    const std::shared_ptr<State> state = state_;      // the callback may destroy this very node
    const std::lock_guard starting(state->starting);  // the thread begins once we are done with it here
    if (Error end = state->ended(); end.code != ErrorCode::ok) return end;
    if (state->calls_back) return Error{ErrorCode::invalid_argument, "on_message was called already"};
    if (detail::Taking turn(*state); turn)
        turn.keep();
    else
        return turn.why_not();
    auto thread = detail::start_thread([state, handle = std::move(handle)] { state->run_callbacks(handle); });
    if (!thread) {
        state->turn.give_back();
        return thread.error();
    }
    state->turn.pass_to(thread->get_id());
    state->callbacks = std::move(*thread);
    state->calls_back = true;
    return {};
}

int Node::poll_fd() {
    if (state_->calls_back || state_->shared()) return -1;
    Lock lock = state_->link->lock();
    int fd = state_->poll_fd;
    if (fd < 0) {
        fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (fd < 0) return -1;
        state_->poll_fd = fd;
        state_->link->watched(lock).add(&state_->attachment->inbox, fd);
    }
    lock.unlock();
    const detail::Taking turn(*state_);
    const std::uint64_t once = 1;
    if (turn)
        state_->reader->settle_descriptor(fd);
    else
        (void)!write(fd, &once, sizeof once);  // whoever has the turn may leave something: to be looked at
    return fd;
}

}  // namespace cast
