// Node::State: what stands behind a cast::Node: its link, its attachment, its reader, its callback thread.
#pragma once
#include <cast/node.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "src/link.hpp"
#include "src/reader.hpp"

namespace cast {

struct Node::State {
    std::shared_ptr<detail::Link> link;
    std::shared_ptr<detail::Attachment> attachment;
    std::string name;
    std::mutex receiving;  ///< one thread at a time walks through messages
    std::unique_ptr<detail::Reader> reader;
    std::thread callbacks;
    std::atomic<bool> closing{false};
    int poll_fd = -1;

    ~State();
    void run_callbacks(const std::function<void(const Message&)>& handle);
};

namespace detail {

/// libcast's own way into a node.
struct NodeAccess {
    static const std::shared_ptr<Node::State>& state(const Node& node) { return node.state_; }
};

/// Waits until all of these are attached or one has failed; then undoes them all and tells why.
Result<void> await_attached(Link& link, Lock& lock, const std::vector<std::shared_ptr<Attachment>>& nodes);
/// Makes the public object of an attached node.
std::shared_ptr<Node::State> make_node(std::shared_ptr<Link> link, std::shared_ptr<Attachment> attachment);
/// Sends a message to each of its recipients. `watches`, when given, gets the number to ask each outcome by.
Result<void> send_message(Link& link, std::string_view sender, const Message& message, std::uint8_t flags, std::vector<std::uint64_t>* watches);
/// Node::send_each and Node::send.
std::vector<Result<void>> send_each(Node::State& node, const Message& message, Wait wait, std::chrono::milliseconds timeout);
Result<void> send_and_wait(Node::State& node, const Message& message, Wait wait, std::chrono::milliseconds timeout);
/// Sends a received message to the dead letters and waits for the receipt.
Result<void> bury(Node::State& node, const Message& message, std::string_view reason, std::string_view detail);
/// A number to watch a parcel by (Parcel::watch).
std::uint64_t next_watch();

}  // namespace detail
}  // namespace cast
