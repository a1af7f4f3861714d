// Dividing the descriptors, and accept4(), which libzmq accepts with. See descriptors.hpp.
#include "server/descriptors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace broker {
namespace {

constexpr std::size_t kOwn = 48;    // measured: 42 with a store and the page, with two I/O threads and two ends
constexpr std::size_t kSpare = 24;  // for what is opened while it serves: files of the store, a reload, name look-ups
constexpr std::size_t kLeastRoom = 24;  // connections below which it makes no sense to serve
constexpr std::size_t kMostPage = 8192;
constexpr int kPauseMs = 10;

DescriptorPlan g_plan;  // written at the start
std::atomic<int> g_client_limit{INT_MAX};
std::atomic<int> g_spare{-1};
std::atomic<std::uint64_t> g_refused{0};

std::size_t count_open() {
    std::error_code error;
    const std::filesystem::directory_iterator all("/proc/self/fd", error);
    return error ? 8 : static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

/// There is no descriptor for who knocks. With the spare one he is taken and sent away: a listener that stays readable
/// would keep its thread busy for nothing.
void send_away(int listener) {
    const int spare = g_spare.exchange(-1);
    if (spare < 0) {  // the other thread has it
        ::poll(nullptr, 0, kPauseMs);
        return;
    }
    ::close(spare);
    const long taken = ::syscall(SYS_accept4, listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (taken >= 0) ::close(static_cast<int>(taken));
    if (taken < 0 && errno != EAGAIN) ::poll(nullptr, 0, kPauseMs);
    g_spare = open_spare();
}

}  // namespace

DescriptorPlan plan_descriptors(std::size_t limit, std::size_t open, const Options& options) {
    DescriptorPlan plan;
    plan.limit = std::min<std::size_t>(limit, INT_MAX);
    plan.reserve = open + kOwn + 2 * options.io_threads + options.bind.size() + options.publish.size() + kSpare;
    if (plan.limit < plan.reserve + kLeastRoom)
        throw std::runtime_error(
            fmt::format("the limit of open files is {}, and {} are needed at least: raise it with ulimit -n, or "
                        "LimitNOFILE= of the service",
                        plan.limit, plan.reserve + kLeastRoom));
    const std::size_t room = plan.limit - plan.reserve;
    // Twice: the page's connections may have numbers that clients could have had, and those above are for it alone.
    plan.page = options.http == "off" ? 0 : std::min(kMostPage, room / 6);
    plan.clients = (room - 2 * plan.page) / 2;
    plan.page_limit = static_cast<int>(plan.limit - kSpare);
    plan.client_limit = plan.page_limit - static_cast<int>(plan.page);
    return plan;
}

DescriptorPlan take_descriptors(const Options& options) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("the limit of open files cannot be read");
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
    g_plan = plan_descriptors(limit.rlim_cur, count_open(), options);
    if (g_spare < 0) g_spare = open_spare();
    g_client_limit = g_plan.client_limit;
    return g_plan;
}

std::string fit_connections(Options& options) {
    if (g_plan.limit == 0 || options.max_connections <= g_plan.clients) return {};
    const std::uint64_t wanted = std::exchange(options.max_connections, g_plan.clients);
    return fmt::format(
        "max-connections is {} and not {}: the limit of open files is {} (ulimit -n), and each client needs two",
        g_plan.clients, wanted, g_plan.limit);
}

DescriptorCounts descriptor_counts() { return {g_plan, g_refused}; }

/// Takes the place of the C library's for all of the process, so for libzmq, whether it is linked in or shared. It
/// takes a connection and closes it at once when there is no room: ECONNABORTED is an error that libzmq's listeners
/// know and pass over. Others they do not: an ipc listener of 4.3.4 aborts the process at EMFILE.
extern "C" __attribute__((visibility("default"))) int accept4(int listener, sockaddr* address, socklen_t* size,
                                                              int flags) {
    const int taken = static_cast<int>(::syscall(SYS_accept4, listener, address, size, flags));
    if (taken >= 0 && taken < g_client_limit.load(std::memory_order_relaxed)) return taken;
    if (taken < 0 && (errno == EAGAIN || errno == EINTR || errno == EBADF || errno == EINVAL || errno == ENOTSOCK ||
                      errno == EFAULT))
        return -1;
    const int error = errno;
    if (taken >= 0) {
        ::close(taken);
    } else if (error == EMFILE || error == ENFILE) {
        send_away(listener);
    } else if (error == ENOMEM || error == ENOBUFS) {
        ::poll(nullptr, 0, kPauseMs);
    }  // else the connection was lost while it waited
    if (taken >= 0 || error == EMFILE || error == ENFILE) g_refused.fetch_add(1, std::memory_order_relaxed);
    errno = ECONNABORTED;
    return -1;
}

}  // namespace broker
