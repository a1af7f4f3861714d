// App: what the gateway's parts share: the io thread's context, the worker threads, and the parts themselves.
// Everything but the pools' work and `client` belongs to the io thread.
#pragma once
#include <map>
#include <set>
#include <string>
#include <thread>

#include "gateway/assets.hpp"
#include "gateway/client/client.hpp"
#include "gateway/client/sends.hpp"
#include "gateway/gateway.hpp"
#include "gateway/http/budget.hpp"
#include "gateway/net.hpp"
#include "gateway/node_ports/ports.hpp"
#include "gateway/node_ports/receivers.hpp"
#include "gateway/push/hub.hpp"
#include "gateway/push/monitor.hpp"

namespace gateway {

/// What /metrics tells of the gateway itself.
struct Traffic {
    std::uint64_t requests = 0, failures = 0, refused_connections = 0, websockets = 0;
};

struct App {
    explicit App(Settings s);
    ~App();

    const Settings settings;
    asio::thread_pool workers{3};  ///< management calls
    asio::thread_pool asking{1};   ///< the monitor's calls: the status and the figures wait for nobody's large lists
    asio::thread_pool uploads{2};  ///< steps of files, which hash and wait for nobody
    asio::thread_pool parsing{1};  ///< large JSON, one at a time: it takes much more room than its text
    Client client;
    Budget budget;  ///< of all who talk to it; before whoever holds some of it
    std::optional<tcp::acceptor> acceptor;
    Assets assets;
    Monitor monitor;
    Hub hub;
    Sends sends;
    Receivers receivers;
    Ports ports;
    Traffic traffic;
    std::map<asio::ip::address, std::size_t> addresses;  ///< open connections of each
    std::set<NodeSession*> sessions;                     ///< all of them; they enter themselves
    std::set<beast::tcp_stream*> sockets;                ///< of HTTP connections, to be closed when it stops
    std::size_t connections = 0;
    std::size_t busy = 0;  ///< requests that are being answered
    bool stopping = false;
    std::thread thread;
    asio::io_context io{1};  ///< the last one, so that it goes first: what still waits in it refers to the others
};

/// Accepts and answers until the app stops.
awaitable<void> serve(App& app);

}  // namespace gateway
