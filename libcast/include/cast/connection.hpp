// cast/connection.hpp: one connection to the broker, shared by any number of nodes. cast::Node::attach makes
// one by itself; make your own to carry many nodes (10,000 is fine) over one socket.
// Thread-safe. Copies share the connection; it closes when the last copy and the last node on it are gone.
// It reconnects by itself, for ever, and sends again what had no receipt. After a fork() it is the parent's: in the
// child every call says `closed`; the child opens its own.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cast/export.hpp"
#include "cast/options.hpp"
#include "cast/result.hpp"

namespace cast {

class Node;
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
    /// Attaches many in one exchange; all or nothing: the first error undoes the others.
    Result<std::vector<Node>> attach_all(const std::vector<std::string>& names);

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
