// cast::Connection: opening, attaching nodes, and its one queue for messages of all of them, outcomes and notices.
// Threads as cast/connection.hpp says. What a single node does is in node.cpp and sending.cpp.
#include <cast/connection.hpp>

#include <algorithm>

#include "src/inbound/shared_reading.hpp"
#include "src/node/node_state.hpp"
#include "wire/names.hpp"

namespace cast {

using detail::Lock;
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
    auto welcome = [&] { return link.session(lock).online() || link.turned_away(); };
    const bool answered = link.wait(lock, until, welcome) && link.session(lock).online() &&
                          link.wait(lock, std::max(until, deadline_us(milliseconds(1500))), settled);
    Error error{ErrorCode::ok, {}};
    for (const auto& node : nodes)
        if (node->state == Attachment::State::failed) error = {node->code, node->inbox.name};
    if (!answered && link.session(lock).online()) error = {ErrorCode::timed_out, "no answer to the attach"};
    if (!answered && !link.session(lock).online()) error = link.unreachable();
    if (link.stopping()) error = link.closed();
    if (error.code == ErrorCode::ok) return {};
    for (const auto& node : nodes) link.session(lock).detach(node, now_us(), link.outbox(lock));
    link.carry_out(lock);
    return error;
}

}  // namespace detail

Connection::Connection(std::shared_ptr<detail::Link> link) : link_(std::move(link)) {}

Result<Connection> Connection::open(Options options) {
    auto link = detail::Link::open(std::move(options));
    if (!link) return link.error();
    return Connection(std::move(*link));
}

Result<Node> Connection::attach(std::string name) { return attach(std::move(name), Queue::own); }

Result<Node> Connection::attach(std::string name, Queue queue) {
    auto nodes = attach_all({std::move(name)}, queue);
    if (!nodes) return nodes.error();
    return std::move(nodes->front());
}

Result<std::vector<Node>> Connection::attach_all(const std::vector<std::string>& names) {
    return attach_all(names, Queue::own);
}

Result<std::vector<Node>> Connection::attach_all(const std::vector<std::string>& names, Queue queue) {
    for (const std::string& name : names)
        if (!wire::valid_name(name)) return Error{ErrorCode::invalid_name, "'" + name + "'"};
    const Options& o = link_->options();
    Lock lock = link_->lock();
    if (link_->stopping()) return link_->closed();
    std::vector<std::shared_ptr<detail::Attachment>> made;
    for (const std::string& name : names) {
        if (o.take_over) link_->session(lock).replace(name, detail::now_us(), link_->outbox(lock));
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
    if (queue == Queue::shared) {
        lock.lock();
        for (const Node& node : nodes) detail::share(*link_, detail::NodeAccess::state(node), lock);
        link_->carry_out(lock);
    }
    return nodes;
}

Result<void> Connection::flush(milliseconds timeout) {
    Lock lock = link_->lock();
    return link_->settle(lock, link_->session(lock).outbound().added(), detail::deadline_us(timeout));
}

void Connection::close() {
    Lock lock = link_->lock();
    link_->close(lock);
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

int Connection::descriptor() {
    const Lock lock = link_->lock();
    return link_->forked() ? -1 : link_->queue(lock).descriptor();
}

Result<void> Connection::wait(milliseconds timeout) {
    Lock lock = link_->lock();
    const bool any = link_->wait(lock, detail::deadline_us(timeout), [&] { return link_->queue(lock).any(); });
    if (link_->stopping()) return link_->closed();
    if (!any) return ErrorCode::timed_out;
    return {};
}

Result<std::size_t> Connection::receive_some(const std::function<void(std::string_view, const Message&)>& handle,
                                             milliseconds timeout) {
    if (!handle) return Error{ErrorCode::invalid_argument, "there is no function to call"};
    return detail::receive_some(*link_, handle, timeout.count() <= 0 ? 0 : detail::deadline_us(timeout));
}

std::vector<Outcome> Connection::outcomes(std::size_t most) {
    Lock lock = link_->lock();
    if (!link_->queue(lock).any()) link_->check(lock);
    return link_->queue(lock).take_outcomes(most);
}

std::vector<Notice> Connection::notices() {
    const Lock lock = link_->lock();
    return link_->queue(lock).take_notices();
}

}  // namespace cast
