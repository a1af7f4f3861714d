// System and Endpoint: the rig's view of one messaging system under test. One file per system implements both; the
// modes (flow, latency, memory) know nothing else. An endpoint is used by one thread of one client process.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rig {

/// What a run asks of its system before it starts.
struct Setup {
    std::filesystem::path folder;  ///< for configuration files and ipc ends; removed after the run
    bool ipc = false;              ///< over ipc instead of TCP loopback (cast and zmq)
    bool one_by_one = false;       ///< receive through the call that gives one message (cast)
    bool stalled_sender = false;   ///< endpoints that only send subscribe to nothing, so no broadcast echoes to them
    bool unread = false;           ///< a node will have everything waiting that is sent to it
    int http = 0;                  ///< a port for the server's page; 0: none (cast)
    std::size_t nodes = 0;         ///< how many names there will be, when that is many
};

/// Who an endpoint is.
struct Seat {
    std::vector<std::string> names;   ///< it receives what is unicast to these; never empty
    std::vector<std::string> groups;  ///< and what is multicast to these
    bool only_sends = false;
    bool lone = false;  ///< a message is to leave at once, not to be collected with later ones
};

using Take = std::function<void(const char* data, std::size_t size)>;

struct Endpoint {
    Endpoint() = default;
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;
    virtual ~Endpoint() = default;
    virtual void unicast(const std::string& to, std::string_view payload) = 0;
    virtual void multicast(const std::string& group, std::string_view payload);
    virtual void broadcast(std::string_view payload) = 0;
    virtual void flush() {}
    /// Waits at most 100 ms for a message; hands out what is at hand and answers how many there were.
    virtual int receive(const Take& take) = 0;
};

struct System {
    System() = default;
    System(const System&) = delete;
    System& operator=(const System&) = delete;
    virtual ~System() = default;
    virtual void start() = 0;  ///< its server, as a child process that answers when this returns
    virtual pid_t server_pid() const = 0;
    virtual std::unique_ptr<Endpoint> join(const Seat& seat) = 0;  ///< called in the client process
    /// Makes nodes that exist without a client; false when the system has no such thing.
    virtual bool store(const std::vector<std::string>& names);
    /// Whether the system, as it was set up, can run this mode; the reason when it cannot.
    virtual std::string objection(const std::string& mode) const;
};

/// The system of this name, or none. Which there are depends on the libraries that the rig was built with.
std::unique_ptr<System> make_system(const std::string& name, const Setup& setup);
std::string system_names();

}  // namespace rig
