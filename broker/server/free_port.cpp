// The system chooses the port. Broker's thread.
#include "server/free_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace broker {

int free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    const bool bound = bind(fd, plain, size) == 0 && getsockname(fd, plain, &size) == 0;
    close(fd);
    return bound ? ntohs(address.sin_port) : 0;
}

}  // namespace broker
