// Names, addresses and the files of sockets. See bound_endpoints.hpp.
#include "edge/bound_endpoints.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "server/descriptor.hpp"
#include "wire/local.hpp"

namespace broker {
namespace {

constexpr int kBacklog = 4096;
constexpr std::string_view kTcp = "tcp://", kIpc = "ipc://";

[[noreturn]] void give_up(const std::string& end, const std::string& why) {
    throw std::runtime_error("cannot bind " + end + ": " + why);
}
[[noreturn]] void give_up(const std::string& end) { give_up(end, std::strerror(errno)); }

/// While it lives no other broker looks at the sockets of this folder and puts its own there. Who holds the folder for
/// longer, for whatever reason, is not waited for.
class BindingTurn {
public:
    explicit BindingTurn(const std::string& path)
        : folder_(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        constexpr timespec kPause{0, 5'000'000};
        for (int tries = 0; folder_.fd >= 0 && tries < 40 && ::flock(folder_.fd, LOCK_EX | LOCK_NB) != 0; ++tries)
            ::nanosleep(&kPause, nullptr);
    }

private:
    static std::string folder_of(const std::string& path) {
        const auto folder = std::filesystem::path(path).parent_path();
        return folder.empty() ? "." : folder.string();
    }
    Descriptor folder_;
};

struct Address {
    sockaddr_un name{};
    socklen_t size = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

/// Of a path that settings.cpp has found short enough; one that begins with '@' stands for a name without a file.
Address address_of(const std::string& path) {
    Address address;
    address.name.sun_family = AF_UNIX;
    std::memcpy(address.name.sun_path, path.data(), std::min(path.size(), sizeof address.name.sun_path - 1));
    const bool abstract = path.front() == '@';
    if (abstract) address.name.sun_path[0] = '\0';
    address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
    return address;
}

/// Takes away what a broker left at the path that is gone. Anything else stays, and is an error.
void make_way(const std::string& end, const std::string& path) {
    struct stat there {};
    if (::lstat(path.c_str(), &there) != 0) return;  // bind() says what is wrong, if anything is
    if (!S_ISSOCK(there.st_mode)) give_up(end, "there is something else than a socket, which is not replaced");
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (probe.fd < 0) give_up(end);
    const Address address = address_of(path);
    if (::connect(probe.fd, address.get(), address.size) == 0 || errno == EAGAIN || errno == EPROTOTYPE)
        give_up(end, "Address already in use: another program listens there");
    if (errno == ENOENT) return;
    if (errno != ECONNREFUSED)
        give_up(end, std::string("there is a socket that cannot be asked whether somebody listens: ") +
                         std::strerror(errno));
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        give_up(end, std::string("a socket that nobody listens at cannot be removed: ") + std::strerror(errno));
}

/// Sets mode and group of a socket that only its owner could connect to so far (umask).
void open_up(const std::string& end, const std::string& path, const IpcAccess& access) {
    if (!access.group.empty()) {
        errno = 0;
        const group* found = ::getgrnam(access.group.c_str());
        if (found == nullptr) give_up(end, "ipc-group: there is no group " + access.group);
        if (::chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0)
            give_up(end, "ipc-group: cannot give the socket to the group " + access.group + ": " +
                             std::strerror(errno) + "; the broker's user is to be in it");
    }
    if (::chmod(path.c_str(), access.mode) != 0) give_up(end);
}

/// What libzmq is to bind for HOST:PORT: names become addresses, IPv4 before IPv6. Interfaces libzmq knows itself.
std::string resolved(const std::string& end) {
    const std::string address = end.substr(kTcp.size());
    const auto colon = address.rfind(':');
    const std::string host = address.substr(0, colon), port = address.substr(colon);
    in_addr number{};
    if (host == "*" || host.front() == '[' || ::inet_pton(AF_INET, host.c_str(), &number) == 1 ||
        ::if_nametoindex(host.c_str()) != 0)
        return end;
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0)
        give_up(end,
                host + " is no interface of this machine, and no name that is known here: " + ::gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
    const addrinfo* chosen = found;
    for (const addrinfo* one = found; one != nullptr && chosen->ai_family != AF_INET; one = one->ai_next)
        if (one->ai_family == AF_INET) chosen = one;
    std::array<char, NI_MAXHOST> text{};
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there is one at least
    if (::getnameinfo(chosen->ai_addr, chosen->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
        give_up(end, "its address cannot be written");
    const std::string numeric = text.data();
    return std::string(kTcp) + (chosen->ai_family == AF_INET6 ? "[" + numeric + "]" : numeric) + port;
}

/// What is behind libzmq's number, in words.
std::string why_not(const zmq::error_t& error) {
    std::string text = error.what();
    if (error.num() == ENODEV)
        return text + ": it is no address or interface of this machine that could be listened at";
    if (error.num() == EADDRNOTAVAIL) return text + ": it is no address of this machine";
    if (error.num() == EINVAL) return text + ": it is no address";
    return text;
}

}  // namespace

BoundEndpoints::~BoundEndpoints() {
    for (const File& file : files_) {
        struct stat there {};
        const bool ours =
            ::lstat(file.path.c_str(), &there) == 0 && there.st_dev == file.device && there.st_ino == file.inode;
        if (ours) ::unlink(file.path.c_str());
    }
}

std::vector<std::string> BoundEndpoints::bind(zmq::socket_t& socket, const std::vector<std::string>& endpoints,
                                              int local_buffer) {
    std::vector<std::string> bound;
    for (const std::string& end : endpoints) {
        if (end.starts_with(kIpc) && end != "ipc://*")
            bind_ipc(socket, end);
        else
            bind_tcp(socket, end, local_buffer);
        bound.push_back(socket.get(zmq::sockopt::last_endpoint));
    }
    return bound;
}

void BoundEndpoints::bind_tcp(zmq::socket_t& socket, const std::string& end, int local_buffer) try {
    std::string address = end.starts_with(kTcp) ? resolved(end) : end;
    if (local_buffer != 0) socket.set(zmq::sockopt::sndbuf, cast::wire::over_loopback(address) ? local_buffer : -1);
    socket.set(zmq::sockopt::ipv6,
               address.starts_with("tcp://["));  // with it, an IPv4 address would be shown as ::ffff:...
    if (address.ends_with(":0")) address.replace(address.size() - 1, 1, "*");  // libzmq's way to say "any free port"
    socket.bind(address);
} catch (const zmq::error_t& error) {
    give_up(end, why_not(error));
}

void BoundEndpoints::bind_ipc(zmq::socket_t& socket, const std::string& end) {
    const std::string path = end.substr(kIpc.size());
    const bool file = path.front() != '@';
    std::optional<BindingTurn> turn;
    if (file) {
        turn.emplace(path);
        make_way(end, path);
    }
    Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const Address address = address_of(path);
    if (listener.fd < 0 || ::bind(listener.fd, address.get(), address.size) != 0) give_up(end);
    if (file) {
        struct stat there {};
        if (::lstat(path.c_str(), &there) != 0) give_up(end);
        files_.push_back({path, there.st_dev, there.st_ino});
        open_up(end, path, access_);
    }
    if (::listen(listener.fd, kBacklog) != 0) give_up(end);
    try {
        socket.set(zmq::sockopt::use_fd, listener.fd);
        socket.bind(end);
        listener.release();  // libzmq's now
        socket.set(zmq::sockopt::use_fd, -1);
    } catch (const zmq::error_t& error) {
        give_up(end, error.what());
    }
}

}  // namespace broker
