// cast/node.hpp: a named node of this program: it sends and receives by unicast, multicast and broadcast.
// Thread-safe: any thread may send; receiving is for one thread at a time (a second one is told so, at once).
// Moving is allowed, copying is not. Destroying a node detaches it: a node that was made by attaching then
// vanishes from the broker; a created one stays, and its messages wait for the next attach.
// A node ends before that when its connection is closed (`closed`), when another session takes it over (`taken_over`),
// or when it is deleted (`deleted`). From then on its calls answer that code, at once, receive() too: what it was not
// yet given is the next reader's. Options::on_notice is told, for programs that only have callbacks.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cast/connection.hpp"
#include "cast/export.hpp"
#include "cast/message.hpp"
#include "cast/options.hpp"
#include "cast/outcome.hpp"
#include "cast/result.hpp"

namespace cast {
namespace detail {
struct NodeAccess;
}

class CAST_API Node {
public:
    /// Connects (own connection) and attaches as `name`, which is created when it does not exist.
    /// Errors: invalid_name, name_in_use, and as of Connection::open.
    static Result<Node> attach(std::string name, Options options = {});

    Node(Node&&) noexcept;
    Node& operator=(Node&&) noexcept;
    ~Node();

    std::string_view name() const;
    Connection connection() const;

    // --- Groups. A member receives what is multicast to the group from then on. Idempotent. ------------

    Result<void> join(std::string_view group);   ///< creates the group when there is none
    Result<void> leave(std::string_view group);  ///< error: no_such_group

    // --- Sending. These return once the message is in the send window (see Options::when_full); the
    //     broker's answer comes with flush(), or through Options::on_refused. Payload: any bytes, at most
    //     Connection::max_message(). Errors: invalid_name, too_large, timed_out, would_block, and taken_over,
    //     deleted, closed: nothing is sent as this node any more. What was sent and not yet taken by the broker
    //     when it was lost is refused with the same code. --------------------------------------------------

    Result<void> unicast(std::string_view to, std::string_view payload);
    Result<void> multicast(std::string_view group, std::string_view payload);
    Result<void> broadcast(std::string_view payload);
    /// Any message, to all its recipients; `wait` says how long. With receipt or delivered: the first
    /// recipient's refusal, or after `timeout` (zero: Options::send_timeout) mailbox_full or group_busy when it waits
    /// for room there: it is taken back, and not sent later. Else timed_out, or store_failed: it may still be taken.
    Result<void> send(const Message& message, Wait wait = Wait::none, std::chrono::milliseconds timeout = {});

    /// The same, with an outcome for each recipient, in their order (one for a group or a broadcast); waits for them
    /// all.
    std::vector<Result<void>> send_each(const Message& message, Wait wait = Wait::receipt,
                                        std::chrono::milliseconds timeout = {});

    /// Sends without ever waiting; what became of it comes later, as an Outcome with this token, by
    /// Connection::outcomes() or Options::on_outcome. The message goes to its recipients in their order, from
    /// `how.first` on. Answers how many of all its recipients have been sent to by now: fewer than it has when there is
    /// no room for the next one; pass that number as `how.first` to go on. Room is counted for each target: one with a
    /// full mailbox takes a quarter of the send window, then it blocks itself and nobody else. All asynchronous sends
    /// of a connection without an outcome hold at most 64 MiB (a single one may be larger).
    /// Errors: would_block, when it was sent to none in this call. An Outcome of the kind `room` follows, and after an
    /// answer of fewer than there are, too: one for each target, however often it is tried; then it is worth another
    /// try. The others are as of send(), and then it was sent to none in this call. Any thread, also within callbacks;
    /// the outcome may come before the call returns.
    Result<std::size_t> send_async(const Message& message, SendToken token, const AsyncSend& how = {});

    /// Waits until everything sent so far by this node's connection has its receipt.
    /// Error: the first refusal since the last flush; or timed_out, and then the messages stay on their way.
    Result<void> flush(std::chrono::milliseconds timeout);

    // --- Receiving: with receive(), or a callback, or a descriptor to poll. One call at a time: beside another
    //     thread's, beside on_message(), or within a callback these fail with invalid_argument, at once; and so they do
    //     for a node of Queue::shared, whose messages Connection::receive_some() hands out (ack and nack are for it,
    //     too). ----------------------------------------------------------------------------------------------------

    /// The next message, waiting at most `timeout` (error timed_out). Taking the next one, or ack(),
    /// acknowledges the one before. Errors: timed_out, taken_over, deleted, closed.
    Result<Message> receive(std::chrono::milliseconds timeout);
    /// Calls `handle` for every message at hand on this thread, waiting at most `timeout` for the first one;
    /// the fastest way to receive. Answers how many there were; each is acknowledged when its call returns
    /// (with Options::manual_ack: by ack()). Errors as of receive(). What `handle` throws comes out of this call; the
    /// message then counts as not handled, and is the first one of the next call.
    Result<std::size_t> receive_some(const std::function<void(const Message&)>& handle,
                                     std::chrono::milliseconds timeout);
    /// Acknowledges every message that receive(), receive_some() or on_message() has given out, also within their
    /// callbacks and from other threads (then when the callback that is running returns). Never waits for a message.
    void ack();
    /// With Options::manual_ack: acknowledges the first `count` of those that are not acknowledged yet, and no more.
    void ack(std::uint64_t count);
    /// Refuses a received message: it goes to the dead letters ("nodectl dead") with this reason, at most 512 bytes,
    /// and once the broker has it there, the message counts as handled: it is acknowledged, and with it all that was
    /// given out before (in a callback: when that returns). Waits at most Options::send_timeout. After an error nothing
    /// has changed.
    Result<void> nack(const Message& message, std::string_view reason);
    /// Calls `handle` for each message on a thread of this node's own; when it returns, the message is
    /// acknowledged (with Options::manual_ack: by ack()). Call it once. The callback may send; what it throws ends
    /// the program (std::terminate). A message whose callback is running when the node is destroyed is finished first.
    /// When the node ends (above) no more callbacks come: Options::on_notice says so, and receive() the reason.
    /// Errors: invalid_argument, too_many (no thread left), taken_over, deleted, closed.
    Result<void> on_message(std::function<void(const Message&)> handle);
    /// A descriptor that is readable while receive(0ms) would give a message, or says that the node has ended. Owned by
    /// the node. -1: there is none left, on_message() receives, or the node is one of Queue::shared.
    int poll_fd();

    // --- Request and reply. -----------------------------------------------------------------------------

    /// Sends a request and waits for its answer. Errors: no_such_node at once; timed_out; node_absent
    /// at once when the message says attached_only.
    Result<Message> request(const Message& message, std::chrono::milliseconds timeout);
    Result<Message> request(std::string_view to, std::string_view payload, std::chrono::milliseconds timeout);
    /// Answers a received request (any message whose header "reply-to" names a node).
    Result<void> reply(const Message& request, Message answer);
    Result<void> reply(const Message& request, std::string_view payload);

    struct State;  ///< libcast's own

private:
    friend class Connection;
    friend struct detail::NodeAccess;
    explicit Node(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace cast
