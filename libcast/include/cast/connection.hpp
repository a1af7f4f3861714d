// cast/connection.hpp: one connection to the broker, shared by any number of nodes. cast::Node::attach makes
// one by itself; make your own to carry many nodes (10,000 is fine) over one socket.
// Thread-safe. Copies share the connection; it closes when the last copy and the last node on it are gone.
// It reconnects by itself, for ever, and sends again what had no receipt. After a fork() it is the parent's: in the
// child every call says `closed`; the child opens its own.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cast/export.hpp"
#include "cast/message.hpp"
#include "cast/options.hpp"
#include "cast/outcome.hpp"
#include "cast/result.hpp"

namespace cast {

class Node;

/// Where a node's messages wait for the program.
enum class Queue {
    own,     ///< at the node: Node::receive() and its like hand them out
    shared,  ///< at the connection: Connection::receive_some() hands out those of all such nodes
};

namespace detail {
class Link;
}

class CAST_API Connection {
public:
    /// Connects and waits for the broker's welcome, at most Options::connect_timeout.
    /// Errors: unreachable; invalid_argument (the address is none, see Options::broker); too_many (the system has no
    /// thread or descriptor left).
    static Result<Connection> open(Options options = {});

    /// Attaches one node; see Node::attach.
    Result<Node> attach(std::string name);
    Result<Node> attach(std::string name, Queue queue);
    /// Attaches many in one exchange; all or nothing: the first error undoes the others.
    Result<std::vector<Node>> attach_all(const std::vector<std::string>& names);
    Result<std::vector<Node>> attach_all(const std::vector<std::string>& names, Queue queue);

    // --- One queue for everything: messages of nodes of Queue::shared, outcomes of Node::send_async(), notices.
    //     Any thread; receive_some() is for one at a time. -----------------------------------------------------

    /// A descriptor that is readable while one of the three below has something (receive_some(), outcomes(),
    /// notices()), and from close() on. It may be readable for nothing now and then. Owned by the connection. -1: there
    /// is none left.
    int descriptor();
    /// The same as a call: waits, at most `timeout`, until one of the three has something. Errors: timed_out, closed
    /// (even if there is something left to take).
    Result<void> wait(std::chrono::milliseconds timeout);
    /// Calls `handle` on this thread, with the node's name, for the messages at hand of nodes of Queue::shared, waiting
    /// at most `timeout` for the first one. Nodes take turns, so that one with many messages holds up no other; a call
    /// ends after one turn. Answers how many there were; each is acknowledged when `handle` returns (with
    /// Options::manual_ack: by Node::ack()). What `handle` throws comes out of this call; the message then counts as
    /// not handled, and comes again. `handle` may send, and destroy nodes. Errors: timed_out, closed, invalid_argument
    /// (another thread is in it, or it is called within `handle`). That a node has ended is told as a notice.
    Result<std::size_t> receive_some(const std::function<void(std::string_view node, const Message&)>& handle,
                                     std::chrono::milliseconds timeout);
    /// What became of asynchronous sends, the oldest first, and takes them out; at most `most` (0: all). Never waits.
    /// After close() what was on its way is there as refused, `closed`.
    std::vector<Outcome> outcomes(std::size_t most = 0);
    /// With Options::queue_notices: the notices since the last call, the oldest first. Never waits.
    std::vector<Notice> notices();

    /// Waits until everything sent so far on this connection is receipted; see Node::flush.
    Result<void> flush(std::chrono::milliseconds timeout);

    /// Ends the connection now, for all who share it. Whatever waits on it (a send, receive(), flush(), request(), a
    /// call of an Admin, a file) and every later call fails with `closed`, at once; descriptors of Node::poll_fd()
    /// become readable, and Options::on_notice is told. What was sent before still leaves, if the broker is there, but
    /// nobody waits for its receipts: flush() first. What was received and not acknowledged goes to the node's next
    /// reader. Any thread, also within callbacks. Nodes and copies may be destroyed before or after it, in any order.
    void close();

    bool connected() const;
    /// The broker's version, empty before the first welcome.
    std::string broker_version() const;
    /// The largest payload the broker takes, in bytes.
    std::size_t max_message() const;

private:
    friend class Node;
    friend class Admin;
    explicit Connection(std::shared_ptr<detail::Link> link);
    std::shared_ptr<detail::Link> link_;
};

}  // namespace cast
