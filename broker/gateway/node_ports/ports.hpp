// Ports: the TCP ports of nodes: a node that was created with one listens there while the gateway runs, and whoever
// connects is the node. io thread; attaching on a worker.
#pragma once
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "gateway/net.hpp"
#include "gateway/node_ports/node_session.hpp"

namespace gateway {

class Ports {
public:
    explicit Ports(App& app) : app_(app) {}

    /// Opens those of the nodes that the broker knows already, and of which no event tells.
    void refresh();
    void stop();
    /// POST /api/nodes: binds first, so that a port in use is told to whoever asks. Answers the broker's node; throws
    /// Failures. `created`: whether it is new. `port`: -1 for none, 0 for a free one.
    awaitable<nlohmann::json> create(std::string name, int port, bool& created);
    /// A presence event: a port was set, or a node deleted.
    void noticed(const nlohmann::json& event);

private:
    struct Port {
        explicit Port(asio::io_context& io) : acceptor(io) {}
        tcp::acceptor acceptor;
        std::shared_ptr<NodeSession> session;  ///< of the connection that is the node now
        std::shared_ptr<tcp::socket> socket;   ///< that connection
        std::weak_ptr<NodeSession> last;       ///< the same, until all that it began is done
        bool attaching = false;                ///< a connection is becoming the node
        std::size_t waiting = 0;               ///< connections that are about to be
    };
    /// A node's port that could not be opened: somebody else has it, say.
    struct Missing {
        int number = 0;
        std::string why;
    };
    awaitable<void> open_all();
    std::shared_ptr<Port> bind(int port);
    /// Tries again until it is open or not wanted any more, less and less often.
    awaitable<void> retry(std::string name, int number);
    void found(const std::string& name);
    void tell_missing();
    void open(const std::string& name, std::shared_ptr<Port> port);
    void close(const std::string& name);
    awaitable<void> accept(std::string name, std::shared_ptr<Port> port);
    awaitable<void> serve(std::string name, std::shared_ptr<Port> port, tcp::socket socket);
    awaitable<void> refuse(std::shared_ptr<tcp::socket> socket);
    awaitable<void> read(std::shared_ptr<NodeSession> session, std::shared_ptr<tcp::socket> socket);

    App& app_;
    std::map<std::string, std::shared_ptr<Port>> ports_;
    std::map<std::string, Missing> missing_;
    std::multiset<std::string> opening_;  ///< nodes whose port create() has bound and is about to open
    std::size_t refreshing_ = 0;          ///< lists that are under way
    std::set<std::string> deleted_;       ///< meanwhile
};

}  // namespace gateway
