// BoundEndpoints: binds the ends of a socket, and takes the files of ipc ends away again. It resolves names, which
// libzmq does not for an end that it binds, and makes the sockets of ipc ends itself: libzmq would delete whatever
// stands at their path, be it a file or the socket of a broker that runs. Broker's thread, at the start and at the end.
#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

namespace broker {

/// Who may connect to ipc ends.
struct IpcAccess {
    mode_t mode = 0600;
    std::string group;  ///< the sockets' group; empty: as the system gives it
};

class BoundEndpoints {
public:
    explicit BoundEndpoints(IpcAccess access) : access_(std::move(access)) {}
    /// Removes the files of its ipc ends, unless something else stands there by now.
    ~BoundEndpoints();
    BoundEndpoints(const BoundEndpoints&) = delete;
    BoundEndpoints& operator=(const BoundEndpoints&) = delete;

    /// Binds all of them and returns them as bound, ports chosen. `local_buffer`: SO_SNDBUF of the connections to ends
    /// on this machine; 0: as the kernel sees fit. Throws std::runtime_error with a sentence that names the end.
    std::vector<std::string> bind(zmq::socket_t& socket, const std::vector<std::string>& endpoints, int local_buffer);

private:
    struct File {
        std::string path;
        dev_t device;
        ino_t inode;
    };
    void bind_tcp(zmq::socket_t& socket, const std::string& end, int local_buffer);
    void bind_ipc(zmq::socket_t& socket, const std::string& end);

    IpcAccess access_;
    std::vector<File> files_;
};

}  // namespace broker
