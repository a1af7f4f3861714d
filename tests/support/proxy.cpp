// The relay that cuts. See proxy.hpp for the thread.
#include "support/proxy.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

namespace cast::test {
namespace {

constexpr std::size_t kOnItsWay = 256 * 1024;

int tcp_socket() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/// Of tcp://ADDRESS:PORT.
sockaddr_in address_of(const std::string& end) {
    const std::size_t host = std::string_view("tcp://").size(), colon = end.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(end.substr(colon + 1))));
    if (inet_pton(AF_INET, end.substr(host, colon - host).c_str(), &address.sin_addr) != 1)
        throw std::runtime_error("the proxy cannot relay to " + end);
    return address;
}

/// Moves bytes from one socket towards the other; false when one of them is closed.
bool move_bytes(int from, int to, std::string& held, short can_read, short can_write) {
    char chunk[65536];
    if ((can_read & (POLLIN | POLLHUP | POLLERR)) != 0 && held.size() < kOnItsWay) {
        const ssize_t got = recv(from, chunk, sizeof chunk, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
        if (got > 0) held.append(chunk, static_cast<std::size_t>(got));
    }
    if (!held.empty() && (can_write & POLLOUT) != 0) {
        const ssize_t put = send(to, held.data(), held.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN) return false;
        if (put > 0) held.erase(0, static_cast<std::size_t>(put));
    }
    return true;
}

}  // namespace

struct Proxy::Pipe {
    int client = -1, server = -1;
    std::string up, down;
    ~Pipe() {
        close(client);
        close(server);
    }
};

Proxy::Proxy(const std::string& target) : target_(address_of(target)) {
    listener_ = tcp_socket();
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sockaddr_in address = target_;
    address.sin_port = 0;
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, plain, size) != 0 || listen(listener_, 64) != 0 || getsockname(listener_, plain, &size) != 0)
        throw std::runtime_error("the proxy cannot listen");
    url_ = target.substr(0, target.rfind(':') + 1) + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { run(); });
}

Proxy::~Proxy() {
    stop_ = true;
    cut();
    thread_.join();
    close(listener_);
    close(wake_);
}

void Proxy::cut() {
    cut_ = true;
    const std::uint64_t one = 1;
    (void)!write(wake_, &one, sizeof one);
}

void Proxy::hold(bool on) {
    held_ = on;
    if (on) cut();
}

void Proxy::accept() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    if (held_) {
        close(client);
        return;
    }
    const int server = tcp_socket();
    if (connect(server, reinterpret_cast<const sockaddr*>(&target_), sizeof target_) != 0) {
        close(client);
        close(server);
        return;
    }
    Pipe& pipe = pipes_.emplace_back();
    pipe.client = client;
    pipe.server = server;
    ++made_;
}

void Proxy::run() {
    while (!stop_) {
        std::vector<pollfd> fds{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const Pipe& pipe : pipes_) {
            auto wants = [](const std::string& in, const std::string& out) {
                return static_cast<short>((in.size() < kOnItsWay ? POLLIN : 0) | (out.empty() ? 0 : POLLOUT));
            };
            fds.push_back({pipe.client, wants(pipe.up, pipe.down), 0});
            fds.push_back({pipe.server, wants(pipe.down, pipe.up), 0});
        }
        poll(fds.data(), fds.size(), 1000);
        std::uint64_t drained = 0;
        (void)!read(wake_, &drained, sizeof drained);
        if (cut_.exchange(false)) {
            cuts_ += static_cast<int>(pipes_.size());
            pipes_.clear();
            continue;
        }
        std::size_t at = 2;
        for (auto pipe = pipes_.begin(); pipe != pipes_.end(); at += 2) {
            const short client = fds[at].revents, server = fds[at + 1].revents;
            const bool lives = move_bytes(pipe->client, pipe->server, pipe->up, client, server) &&
                               move_bytes(pipe->server, pipe->client, pipe->down, server, client);
            pipe = lives ? std::next(pipe) : pipes_.erase(pipe);
        }
        if ((fds[1].revents & POLLIN) != 0) accept();
    }
}

}  // namespace cast::test
