// Descriptor: a file descriptor that is closed with it. Any thread, one at a time.
#pragma once
#include <unistd.h>

#include <utility>

namespace broker {

struct Descriptor {
    explicit Descriptor(int number) : fd(number) {}
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    /// Somebody else's from now on.
    int release() { return std::exchange(fd, -1); }
    int fd;  ///< negative: none
};

}  // namespace broker
