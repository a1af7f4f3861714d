// Sends: what is being sent for those who asked over HTTP, a WebSocket or a port. Nobody waits in a call of libcast: a
// coroutine waits for its outcomes, which come over the connections' descriptors. io thread; only attaching a sender
// that is not known yet goes to a worker.
#pragma once
#include <cast/node.hpp>
#include <list>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/api/messages.hpp"
#include "gateway/net.hpp"

namespace gateway {

struct App;

class Sends {
public:
    explicit Sends(App& app);
    ~Sends();
    Sends(const Sends&) = delete;
    Sends& operator=(const Sends&) = delete;

    /// A node to send as, shared by all who do. Throws a Failure.
    awaitable<std::shared_ptr<cast::Node>> sender(std::string name);
    /// Sends it as this node, which the caller keeps, and makes the answer of POST /api/send once each recipient has
    /// its outcome, or the time is over; `status` is the HTTP status that goes with it. Throws Failures.
    awaitable<nlohmann::json> deliver(cast::Node& node, const Outgoing& outgoing, int& status);
    /// Lets go of all connections. Nobody may wait any more.
    void stop();

private:
    struct Line;     // a connection and who waits on it
    struct Waiting;  // a message that has not all its outcomes
    using Outcomes = std::vector<cast::Result<void>>;
    using Senders = std::list<std::pair<std::string, std::shared_ptr<cast::Node>>>;

    awaitable<void> send(cast::Node& node, const Outgoing& outgoing, Outcomes& outcomes);
    awaitable<void> watch(std::shared_ptr<Line> line);
    std::shared_ptr<Line> line_of(cast::Connection connection);
    void keep(const std::string& name, const std::shared_ptr<cast::Node>& node);

    App& app_;
    std::map<int, std::shared_ptr<Line>> lines_;  ///< by their descriptors
    cast::SendToken last_ = 0;
    Senders senders_;  ///< names lately sent as; the latest first
    std::unordered_map<std::string, Senders::iterator> by_name_;
    std::set<std::string> opening_;  ///< names that are being attached
    Signal opened_;
};

}  // namespace gateway
