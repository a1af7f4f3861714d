// Proxy: a TCP relay to a broker's ROUTER end that cuts its connections when told to, with whatever was on its way.
// One thread of its own; the functions may be called from any.
#pragma once
#include <netinet/in.h>

#include <atomic>
#include <list>
#include <string>
#include <thread>

namespace cast::test {

class Proxy {
public:
    /// Relays to tcp://ADDRESS:PORT, from another port of the same address.
    explicit Proxy(const std::string& target);
    ~Proxy();

    /// Where to connect instead.
    const std::string& url() const { return url_; }
    /// Cuts all connections.
    void cut();
    /// While held, it has no connections: it cuts them, and closes at once those that are made.
    void hold(bool on);
    /// Connections ever made, and cut.
    int made() const { return made_; }
    int cuts() const { return cuts_; }

private:
    struct Pipe;  // one connection: two sockets, and what is on its way each way
    void run();
    void accept();

    sockaddr_in target_{};
    int listener_ = -1;
    int wake_ = -1;
    std::string url_;
    std::list<Pipe> pipes_;
    std::atomic<bool> stop_{false}, cut_{false}, held_{false};
    std::atomic<int> made_{0}, cuts_{0};
    std::thread thread_;
};

}  // namespace cast::test
