// NodeSession: a node whose program speaks JSON: over a WebSocket (/ws/nodes/{id}) or, a line an object, over its own
// TCP port (API.md section 8). It says what to write, and is told what was written and what came; the connection itself
// is its owner's. io thread; it sends one message after the other.
#pragma once
#include <cast/node.hpp>
#include <deque>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/api/messages.hpp"
#include "gateway/http/budget.hpp"
#include "gateway/net.hpp"
#include "gateway/node_ports/receivers.hpp"

namespace gateway {

using cast::ErrorCode;
struct App;

class NodeSession : public std::enable_shared_from_this<NodeSession> {
public:
    NodeSession(App& app, std::string name, cast::Node node, bool acks_itself);
    ~NodeSession();
    NodeSession(const NodeSession&) = delete;
    NodeSession& operator=(const NodeSession&) = delete;

    /// Takes messages from the node into the queue, until it ends. Run once.
    awaitable<void> pump();
    /// One object from the program; answers go to the queue.
    awaitable<void> handle(std::string text);
    /// The next text to write; empty when the door has ended and all is written.
    awaitable<std::string> next();
    /// That text has been written.
    void written();

    void say(const nlohmann::json& what);
    void gap(std::size_t count, const std::string& text);
    void end(ErrorCode code);
    ErrorCode ended() const { return ended_; }
    bool ending() const { return ending_; }
    const std::string& name() const { return name_; }
    /// The largest object that the program may send.
    std::size_t longest() const { return 2 * max_message_ + (64u << 10); }

private:
    struct Item {
        std::string text;
        std::uint64_t n = 0;  ///< of a message
    };
    struct Task;
    Task read(const std::string& text, nlohmann::json& answer);
    void obey(const nlohmann::json& request, const std::string& type, nlohmann::json& answer);
    awaitable<void> send(Outgoing outgoing, nlohmann::json answer);
    awaitable<void> membership(std::string group, bool join, nlohmann::json answer);
    void queue(std::string text, std::uint64_t n);
    bool full() const;
    void done(std::uint64_t n);

    App& app_;
    const std::string name_;
    std::shared_ptr<HeldNode> held_;
    std::size_t max_message_ = 1 << 20;
    bool acks_itself_;
    std::deque<Item> queue_;
    std::size_t queued_bytes_ = 0;
    Budget::Hold hold_;          ///< of the queue
    std::uint64_t writing_ = 0;  ///< n of the text being written
    std::uint64_t given_ = 0, done_ = 0,
                  acked_ = 0;      ///< n of the last message: queued; handled by the program; acknowledged
    std::size_t given_bytes_ = 0;  ///< of those that are not acknowledged
    bool stuffed_ = false;         ///< no more until all that was given is handled
    bool ending_ = false;
    ErrorCode ended_ = ErrorCode::ok;
    Signal changed_;
};

}  // namespace gateway
