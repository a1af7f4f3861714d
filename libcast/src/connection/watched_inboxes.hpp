// WatchedInboxes: the nodes' descriptors (Node::poll_fd) that are to be readable once something has come for them. It
// does not make or close them. Under the link's lock.
#pragma once
#include <unistd.h>

#include <cstdint>
#include <map>

#include "src/inbound/inbound.hpp"

namespace cast::detail {

class WatchedInboxes {
public:
    void add(Inbox* inbox, int fd) {
        fds_[inbox] = fd;
        show();
    }
    void remove(Inbox* inbox) { fds_.erase(inbox); }
    /// After each look at the sockets. One to which nothing came since stands as its reader left it.
    void show() {
        for (const auto& [inbox, fd] : fds_) {
            if (!inbox->notify) continue;
            inbox->notify = false;
            const std::uint64_t one = 1;
            (void)!write(fd, &one, sizeof one);
        }
    }

private:
    std::map<Inbox*, int> fds_;
};

}  // namespace cast::detail
