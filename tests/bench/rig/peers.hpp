// The comparison rig's view of one system under test.
// The rig's view of a messaging system: an endpoint that sends to a name (unicast)
// or to everybody (broadcast), and receives. One file per system implements it.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

struct Endpoint {
    virtual ~Endpoint() = default;
    virtual void unicast(const std::string& to, const char* data, size_t len) = 0;
    virtual void broadcast(const char* data, size_t len) = 0;
    virtual void flush() {}
    // Blocks until a message comes; returns the number of messages taken (0 = timed out),
    // calling on_message for each.
    virtual int receive(const std::function<void(const char*, size_t)>& on_message) = 0;
};

struct System {
    virtual ~System() = default;
    virtual void start() = 0;  // starts its server as a child process
    virtual void stop() = 0;
    virtual int server_pid() const = 0;
    virtual std::unique_ptr<Endpoint> join(const std::string& name) = 0;  // called in the client process
};

std::unique_ptr<System> make_system(const std::string& name);
