// cast::Node: attaching, receiving, groups. Sending is in sending.cpp. Threads as cast/node.hpp says.
#include <cast/node.hpp>

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "src/message_access.hpp"
#include "src/node_state.hpp"
#include "src/session_time.hpp"
#include "wire/names.hpp"

namespace cast {

using std::chrono::milliseconds;

namespace detail {

Result<void> await_attached(Link& link, Lock& lock, const std::vector<std::shared_ptr<Attachment>>& nodes) {
    auto settled = [&] {
        bool all = true;
        for (const auto& node : nodes) {
            if (node->state == Attachment::State::failed) return true;
            all = all && node->state == Attachment::State::attached;
        }
        return all;
    };
    // The broker may ask a node's holder for a second; whether it is there at all shows within the connect time-out.
    const std::int64_t until = deadline_us(link.options().connect_timeout);
    auto welcome = [&] { return link.session(lock).online() || link.session(lock).rejected() != ErrorCode::ok; };
    const bool answered = link.wait(lock, until, welcome) && link.session(lock).rejected() == ErrorCode::ok &&
                          link.wait(lock, std::max(until, deadline_us(milliseconds(1500))), settled);
    Error error{ErrorCode::ok, {}};
    for (const auto& node : nodes)
        if (node->state == Attachment::State::failed) error = {node->code, node->inbox.name};
    if (!answered && link.session(lock).online()) error = {ErrorCode::timed_out, "no answer to the attach"};
    if (!answered && !link.session(lock).online()) error = {ErrorCode::unreachable, link.url()};
    if (link.session(lock).rejected() != ErrorCode::ok) error = {link.session(lock).rejected(), link.url()};
    if (error.code == ErrorCode::ok) return {};
    for (const auto& node : nodes) link.session(lock).detach(node, now_us(), link.outbox(lock));
    link.carry_out(lock);
    return error;
}

std::shared_ptr<Node::State> make_node(std::shared_ptr<Link> link, std::shared_ptr<Attachment> attachment) {
    auto state = std::make_shared<Node::State>();
    state->link = std::move(link);
    state->attachment = std::move(attachment);
    state->name = state->attachment->inbox.name;
    state->reader = std::make_unique<Reader>(state->link, state->attachment, state->link->options().manual_ack);
    return state;
}

}  // namespace detail

using detail::Lock;

Connection::Connection(std::shared_ptr<detail::Link> link) : link_(std::move(link)) {}

Result<Connection> Connection::open(Options options) {
    auto link = detail::Link::open(std::move(options));
    if (!link) return link.error();
    return Connection(std::move(*link));
}

Result<Node> Connection::attach(std::string name) {
    auto nodes = attach_all({std::move(name)});
    if (!nodes) return nodes.error();
    return std::move(nodes->front());
}

Result<std::vector<Node>> Connection::attach_all(const std::vector<std::string>& names) {
    for (const std::string& name : names)
        if (!wire::valid_name(name)) return Error{ErrorCode::invalid_name, "'" + name + "'"};
    const Options& o = link_->options();
    Lock lock = link_->lock();
    std::vector<std::shared_ptr<detail::Attachment>> made;
    for (const std::string& name : names) {
        auto node = link_->session(lock).make(name, !o.send_only, o.take_over, o.receive_window);
        if (node == nullptr) {
            for (const auto& undo : made) link_->session(lock).detach(undo, detail::now_us(), link_->outbox(lock));
            return Error{ErrorCode::name_in_use, name + " on this very connection"};
        }
        made.push_back(std::move(node));
    }
    link_->session(lock).attach_many(made, link_->outbox(lock));
    link_->carry_out(lock);
    if (const auto attached = detail::await_attached(*link_, lock, made); !attached) return attached.error();
    lock.unlock();
    std::vector<Node> nodes;
    nodes.reserve(made.size());
    for (auto& attachment : made) nodes.push_back(Node(detail::make_node(link_, std::move(attachment))));
    return nodes;
}

Result<void> Connection::flush(milliseconds timeout) {
    Lock lock = link_->lock();
    return link_->settle(lock, link_->session(lock).outbound().added(), detail::deadline_us(timeout));
}

void Connection::close() {
    Lock lock = link_->lock();
    link_->stop(lock);
}

bool Connection::connected() const {
    Lock lock = link_->lock();
    return link_->session(lock).online();
}
std::string Connection::broker_version() const {
    Lock lock = link_->lock();
    return link_->session(lock).broker_version();
}
std::size_t Connection::max_message() const {
    Lock lock = link_->lock();
    return link_->session(lock).max_message();
}

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
        if (state_->callbacks.get_id() == std::this_thread::get_id())
            state_->callbacks.detach();  // destroyed by its own callback: the thread keeps the state until it ends
        else
            state_->callbacks.join();
    }
}

Node::State::~State() {
    Lock lock = link->lock();
    if (poll_fd >= 0) link->watch(&attachment->inbox, -1, lock);
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

Result<void> membership(detail::Link& link, const char* op, std::string_view group, std::string_view node) {
    if (!wire::valid_name(group)) return Error{ErrorCode::invalid_name, "'" + std::string(group) + "'"};
    std::string json = std::string(R"({"op":"group.)") + op + R"(","group":")" + std::string(group) + R"(","nodes":[")" + std::string(node) + R"("]})";
    auto answer = link.call(std::move(json), detail::deadline_us(link.options().send_timeout));
    if (!answer) return answer.error();
    return {};
}

}  // namespace

Result<void> Node::join(std::string_view group) { return membership(*state_->link, "join", group, state_->name); }
Result<void> Node::leave(std::string_view group) { return membership(*state_->link, "leave", group, state_->name); }

Result<Message> Node::receive(milliseconds timeout) {
    const std::lock_guard one(state_->receiving);
    Message message;
    const ErrorCode code = state_->reader->next(message, timeout.count() <= 0 ? 0 : detail::deadline_us(timeout));
    if (state_->poll_fd >= 0) state_->reader->settle_descriptor(state_->poll_fd);
    if (code != ErrorCode::ok) return Error{code, {}};
    return message;
}

Result<std::size_t> Node::receive_some(const std::function<void(const Message&)>& handle, milliseconds timeout) {
    const std::lock_guard one(state_->receiving);
    detail::Reader& reader = *state_->reader;
    Message message;
    const ErrorCode code = reader.next(message, timeout.count() <= 0 ? 0 : detail::deadline_us(timeout));
    if (code != ErrorCode::ok) return Error{code, {}};
    std::size_t count = 0;
    do {
        handle(message);
        ++count;
        reader.handled_carefully();
    } while (!state_->closing && reader.next_here(message));
    if (state_->poll_fd >= 0) reader.settle_descriptor(state_->poll_fd);
    return count;
}

void Node::ack() {
    const std::lock_guard one(state_->receiving);
    state_->reader->ack();
}

void Node::State::run_callbacks(const std::function<void(const Message&)>& handle) {
    const std::lock_guard one(receiving);
    while (!closing) {
        Message message;
        const std::int64_t until = detail::now_us() + 200 * detail::kMillisecond;
        const ErrorCode code = reader->next(message, until);
        if (code == ErrorCode::timed_out) continue;
        if (code != ErrorCode::ok) return;
        do {
            handle(message);
            reader->handled_carefully();
        } while (!closing && reader->next_here(message));
    }
    reader->ack();
}

Result<void> Node::on_message(std::function<void(const Message&)> handle) {
    const std::shared_ptr<State> state = state_;  // the callback may destroy this very node
    if (state->callbacks.joinable()) return Error{ErrorCode::invalid_argument, "on_message was called already"};
    // The thread keeps the state alive; Node's destructor ends it. It begins once we are done with it here.
    const std::lock_guard starting(state->receiving);
    sigset_t all, before;  // signals are the program's threads' to take
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    state->callbacks = std::thread([state, handle = std::move(handle)] { state->run_callbacks(handle); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return {};
}

int Node::poll_fd() {
    const std::lock_guard one(state_->receiving);
    if (state_->poll_fd < 0) {
        state_->poll_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        Lock lock = state_->link->lock();
        state_->link->watch(&state_->attachment->inbox, state_->poll_fd, lock);
        lock.unlock();
        state_->reader->settle_descriptor(state_->poll_fd);
    }
    return state_->poll_fd;
}

}  // namespace cast
