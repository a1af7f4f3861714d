// Node::State: what stands behind a cast::Node: its link, its attachment, its reader, its callback thread.
#pragma once
#include <cast/node.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "src/connection/link.hpp"
#include "src/inbound/reader.hpp"
#include "src/inbound/turn.hpp"

namespace cast {

struct Node::State {
    std::shared_ptr<detail::Link> link;
    std::shared_ptr<detail::Attachment> attachment;
    std::string name;
    detail::Turn turn;  ///< to use the reader
    std::unique_ptr<detail::Reader> reader;
    std::mutex starting;  ///< held while on_message makes its thread
    std::thread callbacks;
    std::atomic<bool> calls_back{false};  ///< on_message was called
    std::atomic<bool> closing{false};
    std::atomic<int> poll_fd{-1};

    ~State();
    void run_callbacks(const std::function<void(const Message&)>& handle);
    /// ok; or why this node neither sends nor receives any more.
    Error ended() const;
    void ack(std::uint64_t count);
    /// Of Queue::shared: Connection::receive_some alone walks through its messages.
    bool shared() const { return attachment->inbox.ready != nullptr; }
    /// What other threads asked for while the turn was taken.
    void heed();
};

namespace detail {

/// A call that walks through a node's messages, if no other one does.
class Taking {
public:
    explicit Taking(Node::State& node) : node_(node), ours_(!node.shared() && node.turn.take()) {}
    ~Taking();
    void keep() { ours_ = false; }  ///< the turn is not given back here
    Taking(const Taking&) = delete;
    Taking& operator=(const Taking&) = delete;
    explicit operator bool() const { return ours_; }
    Error why_not() const;

private:
    Node::State& node_;
    bool ours_;
};

/// libcast's own way into a node.
struct NodeAccess {
    static const std::shared_ptr<Node::State>& state(const Node& node) { return node.state_; }
};

/// Waits until all of these are attached or one has failed; then undoes them all and tells why.
Result<void> await_attached(Link& link, Lock& lock, const std::vector<std::shared_ptr<Attachment>>& nodes);
/// Makes the public object of an attached node.
std::shared_ptr<Node::State> make_node(std::shared_ptr<Link> link, std::shared_ptr<Attachment> attachment);
/// The message as a parcel without a target; `headers` keeps its encoded ones.
Result<OutgoingRecord> prepare(const Node::State& node, const Message& message, std::uint8_t flags,
                               std::string& headers);
/// The names that it goes to: one, "", for a broadcast.
const std::vector<std::string>& targets_of(const Message& message);
/// Sends a message to each of its recipients. `watches`, when given, gets the number to ask each outcome by.
Result<void> send_message(Node::State& node, const Message& message, std::uint8_t flags,
                          std::vector<std::uint64_t>* tokens);
/// Node::send_each and Node::send.
std::vector<Result<void>> send_each(Node::State& node, const Message& message, Wait wait,
                                    std::chrono::milliseconds timeout);
Result<void> send_and_wait(Node::State& node, const Message& message, Wait wait, std::chrono::milliseconds timeout);
/// Sends a received message to the dead letters and waits for the receipt.
Result<void> bury(Node::State& node, const Message& message, std::string_view reason, std::string_view detail);
/// A number to watch a parcel by (OutgoingRecord::watch).
std::uint64_t next_token();

}  // namespace detail
}  // namespace cast
