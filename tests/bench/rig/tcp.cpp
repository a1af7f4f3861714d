// The limit: a bare TCP relay. It reads and writes 64 KiB blocks, knows no names, and keeps nothing; whatever comes
// from one peer goes to all others that receive. So it has one sender at a time.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "process.hpp"
#include "systems.hpp"

namespace rig {
namespace {

constexpr std::size_t kBlock = 65536;

sockaddr_in address_of(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void set_no_delay(int fd) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void write_all(int fd, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t written = send(fd, data, size, MSG_NOSIGNAL);
        if (written <= 0) fail("tcp: a peer is gone");
        data += written;
        size -= static_cast<std::size_t>(written);
    }
}

class TcpEndpoint : public Endpoint {
public:
    TcpEndpoint(const Seat& seat, int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        set_no_delay(fd_);
        const sockaddr_in address = address_of(port);
        if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("tcp: connect");
        const char receives = seat.only_sends ? 0 : 1;
        write_all(fd_, &receives, 1);
        pause_ms(50);
        const timeval limit{0, 100000};
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    ~TcpEndpoint() override {
        write_all(fd_, out_.data(), out_.size());
        close(fd_);
    }
    void unicast(const std::string&, std::string_view payload) override {
        const auto size = static_cast<std::uint32_t>(payload.size());
        std::array<char, sizeof size> head{};
        std::memcpy(head.data(), &size, sizeof size);
        out_.append(head.data(), head.size());
        out_.append(payload);
        if (out_.size() >= kBlock) flush();
    }
    void broadcast(std::string_view payload) override { unicast({}, payload); }
    void flush() override {
        write_all(fd_, out_.data(), out_.size());
        out_.clear();
    }
    int receive(const Take& take) override {
        std::array<char, kBlock> block;
        const ssize_t size = read(fd_, block.data(), block.size());
        if (size <= 0) return 0;
        in_.append(block.data(), static_cast<std::size_t>(size));
        std::size_t at = 0;
        int got = 0;
        while (in_.size() - at >= sizeof(std::uint32_t)) {
            std::uint32_t length = 0;
            std::memcpy(&length, in_.data() + at, sizeof length);
            if (in_.size() - at < sizeof length + length) break;
            take(in_.data() + at + sizeof length, length);
            at += sizeof length + length;
            ++got;
        }
        in_.erase(0, at);
        return got;
    }

private:
    int fd_;
    std::string out_, in_;
};

struct Peer {
    int fd;
    bool receives;
};

[[noreturn]] void relay(int listener) {
    std::vector<Peer> peers;
    std::vector<pollfd> fds{{listener, POLLIN, 0}};
    static std::array<char, kBlock> block;
    while (true) {
        poll(fds.data(), fds.size(), -1);
        for (std::size_t i = 0; i < peers.size(); ++i) {
            if (fds[i + 1].revents == 0) continue;
            const ssize_t size = read(peers[i].fd, block.data(), block.size());
            if (size <= 0) {
                fds[i + 1].fd = -1;
                peers[i].receives = false;
                continue;
            }
            for (const Peer& other : peers)
                if (other.fd != peers[i].fd && other.receives)
                    write_all(other.fd, block.data(), static_cast<std::size_t>(size));
        }
        if (fds[0].revents == 0) continue;
        const int fd = accept(listener, nullptr, nullptr);
        set_no_delay(fd);
        char receives = 0;
        if (read(fd, &receives, 1) != 1) {
            close(fd);
            continue;
        }
        peers.push_back({fd, receives != 0});
        fds.push_back({fd, POLLIN, 0});
    }
}

class Tcp : public System {
public:
    explicit Tcp(const Setup& setup) : setup_(setup) {}
    void start() override {
        const int listener = socket(AF_INET, SOCK_STREAM, 0);
        port_ = free_port();
        const sockaddr_in address = address_of(port_);
        if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            listen(listener, 256) != 0)
            fail("tcp: cannot listen");
        server_ = rig::start([listener] { relay(listener); });
        close(listener);
    }
    pid_t server_pid() const override { return server_; }
    std::unique_ptr<Endpoint> join(const Seat& seat) override { return std::make_unique<TcpEndpoint>(seat, port_); }
    std::string objection(const std::string& mode) const override {
        if (setup_.ipc) return "has no ipc here";
        if (mode == "unicast" || mode == "broadcast" || mode == "pingpong") return {};
        return "is a relay without names: unicast, broadcast and pingpong only";
    }

private:
    Setup setup_;
    int port_ = 0;
    pid_t server_ = 0;
};

}  // namespace

std::unique_ptr<System> make_tcp(const Setup& setup) { return std::make_unique<Tcp>(setup); }

}  // namespace rig
