// What a connection has for its program; see connection_queue.hpp. Under the link's lock.
#include "src/connection/connection_queue.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace cast::detail {
namespace {

constexpr std::size_t kNoticesKept = 10000;

/// The first `count`, taken out.
template <class T>
std::vector<T> take_first(std::deque<T>& from, std::size_t count) {
    const auto end = from.begin() + static_cast<std::ptrdiff_t>(std::min(count, from.size()));
    std::vector<T> taken(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
    from.erase(from.begin(), end);
    return taken;
}

}  // namespace

ConnectionQueue::~ConnectionQueue() {
    if (fd_ >= 0) close(fd_);
}

void ConnectionQueue::keep(const std::vector<Notice>& notices) {
    notices_.insert(notices_.end(), notices.begin(), notices.end());
    if (notices_.size() > kNoticesKept) take_first(notices_, notices_.size() - kNoticesKept);
}

std::vector<Outcome> ConnectionQueue::take_outcomes(std::size_t most) {
    auto taken = take_first(outcomes_, most == 0 ? outcomes_.size() : most);
    show();
    return taken;
}

std::vector<Notice> ConnectionQueue::take_notices() {
    auto taken = take_first(notices_, notices_.size());
    show();
    return taken;
}

int ConnectionQueue::descriptor() {
    if (fd_ < 0) fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    show();
    return fd_;
}

void ConnectionQueue::change() {
    shown_ = !shown_;
    std::uint64_t count = 1;
    if (shown_)
        (void)!write(fd_, &count, sizeof count);
    else
        (void)!read(fd_, &count, sizeof count);
}

}  // namespace cast::detail
