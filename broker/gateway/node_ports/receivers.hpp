// Receivers: POST /api/nodes/{id}/receive: a node is held for a script between its calls, each of which acknowledges
// what the one before gave out. A script that does not come back gives the node back. io thread; attaching on a worker.
#pragma once
#include <cast/node.hpp>
#include <map>
#include <memory>
#include <string>

#include "gateway/http/budget.hpp"
#include "gateway/http/request.hpp"
#include "gateway/net.hpp"

namespace gateway {

struct App;

/// A node held for receiving, with its descriptor in the io thread's hands.
class HeldNode {
public:
    HeldNode(asio::io_context& io, cast::Node node);
    ~HeldNode();
    cast::Node& node() { return node_; }
    /// Until the node may have a message, `until`, or wake().
    awaitable<void> wait(steady_clock::time_point until);
    void wake();

private:
    struct Descriptor;
    cast::Node node_;
    std::shared_ptr<Descriptor> descriptor_;
};

class Receivers {
public:
    explicit Receivers(App& app) : app_(app) {}

    /// `socket` is watched meanwhile: a script that goes away stops the waiting.
    awaitable<Answer> receive(const Request& request, tcp::socket& socket);
    awaitable<Answer> release(const Request& request);
    void stop();

private:
    struct Lease {
        std::shared_ptr<HeldNode> held;
        std::shared_ptr<const Answer> last;  ///< an answer with messages that are not acknowledged yet
        std::uint64_t batch = 0;             ///< its number
        bool busy = false;
        bool stopped = false;
        steady_clock::time_point until{};     ///< when it is given back, if no call comes
        asio::steady_timer* timer = nullptr;  ///< waits for that, as long as there is a lease
        std::optional<Budget::Hold> hold;     ///< of `last`
    };
    awaitable<std::shared_ptr<Lease>> lease(std::string name, bool take_over);
    awaitable<void> expire(std::string name, std::shared_ptr<Lease> lease);
    void give_back(const std::string& name, const std::shared_ptr<Lease>& lease);

    App& app_;
    std::map<std::string, std::shared_ptr<Lease>> leases_;
};

}  // namespace gateway
