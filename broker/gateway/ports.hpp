// Ports: the TCP ports of nodes: a node that was created with one listens there while the gateway runs, and whoever
// connects is the node. io thread; attaching on a worker.
#pragma once
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/door.hpp"
#include "gateway/net.hpp"

namespace gateway {

class Ports {
public:
    explicit Ports(App& app) : app_(app) {}

    /// Opens those of the nodes that the broker knows already.
    awaitable<void> start();
    void stop();
    /// POST /api/nodes: binds first, so that a port in use is told to whoever asks. Answers the broker's node; throws Failures.
    /// `created`: whether it is new. `port`: -1 for none, 0 for a free one.
    awaitable<nlohmann::json> create(std::string name, int port, bool& created);
    /// A presence event: a port was set, or a node deleted.
    void noticed(const nlohmann::json& event);

private:
    struct Port {
        explicit Port(asio::io_context& io) : acceptor(io) {}
        tcp::acceptor acceptor;
        std::shared_ptr<Door> door;  ///< of the connection that is the node now
        std::size_t waiting = 0;     ///< connections that are about to be
    };
    std::shared_ptr<Port> bind(int port);
    void open(const std::string& name, std::shared_ptr<Port> port);
    void close(const std::string& name);
    awaitable<void> accept(std::string name, std::shared_ptr<Port> port);
    awaitable<void> serve(std::string name, std::shared_ptr<Port> port, tcp::socket socket);
    awaitable<void> read(std::shared_ptr<Door> door, std::shared_ptr<tcp::socket> socket);

    App& app_;
    std::map<std::string, std::shared_ptr<Port>> ports_;
};

}  // namespace gateway
