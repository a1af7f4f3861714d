// descriptors.hpp: how the descriptors of the process are divided.
#include <doctest/doctest.h>

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>

#include "server/descriptors.hpp"

using namespace broker;

namespace {

/// A listener without a name, and who knocks at it.
struct Listener {
    Listener() {
        sockaddr_un any{};
        any.sun_family = AF_UNIX;
        (void)::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any.sun_family);  // the system names it
        (void)::listen(fd, 8);
        (void)::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
    }
    bool reached_by(int client) const { return ::connect(client, reinterpret_cast<const sockaddr*>(&name), size) == 0; }
    int take() const { return ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC); }
    int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_un name{};
    socklen_t size = sizeof name;
};

int client() { return ::socket(AF_UNIX, SOCK_STREAM, 0); }

bool was_sent_away(int client) {
    pollfd end{client, POLLIN, 0};
    char byte = 0;
    return ::poll(&end, 1, 10'000) == 1 && ::recv(client, &byte, 1, 0) == 0;
}

/// 0, or the step at which something else came than what should.
int fill_up() {
    rlimit limit{160, 160};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
    const int first = client(), late = client(), last = client();
    const Listener listener;
    const DescriptorPlan plan = take_descriptors(Options{});
    if (!listener.reached_by(first) || listener.take() < 0) return 2;
    while (::dup(listener.fd) < plan.client_limit - 1) {
    }
    if (!listener.reached_by(late)) return 3;
    errno = 0;
    if (listener.take() != -1 || errno != ECONNABORTED) return 4;
    if (!was_sent_away(late) || descriptor_counts().refused != 1) return 5;
    while (::dup(listener.fd) >= 0) {  // nobody has one left, but for the spare one
    }
    if (!listener.reached_by(last)) return 6;
    errno = 0;
    if (listener.take() != -1 || errno != ECONNABORTED) return 7;
    if (!was_sent_away(last) || descriptor_counts().refused != 2) return 8;
    return 0;
}

}  // namespace

TEST_CASE("with many descriptors clients and the page get what they want, and some are left") {
    Options options;
    const DescriptorPlan plan = plan_descriptors(524288, 3, options);
    CHECK(plan.page == 8192);
    CHECK(plan.clients >= options.max_connections);
    CHECK(plan.reserve + 2 * plan.page + 2 * plan.clients <= plan.limit);
}

TEST_CASE("with few of them the page gets a sixth at most, a client two, and the broker its own first") {
    for (std::size_t limit : {120u, 128u, 256u, 1024u, 4096u, 20000u}) {
        CAPTURE(limit);
        const DescriptorPlan plan = plan_descriptors(limit, 3, Options{});
        CHECK(plan.reserve >= 64);
        CHECK(plan.page >= 4);
        CHECK(plan.page <= (limit - plan.reserve) / 6);
        CHECK(plan.clients >= 6);
        CHECK(plan.reserve + 2 * plan.page + 2 * plan.clients <= limit);
        CHECK(static_cast<std::size_t>(plan.page_limit) < limit);
        CHECK(plan.page_limit - plan.client_limit == static_cast<int>(plan.page));
        CHECK(static_cast<std::size_t>(plan.client_limit) >= 2 * plan.clients + plan.page + 48);
    }
}

TEST_CASE("what is open at the start, ends and threads need more of them") {
    const DescriptorPlan plain = plan_descriptors(1000, 3, Options{});
    CHECK(plan_descriptors(1000, 103, Options{}).reserve == plain.reserve + 100);
    Options more;
    more.bind.assign(10, "tcp://127.0.0.1:0");
    more.io_threads = 16;
    CHECK(plan_descriptors(1000, 3, more).reserve == plain.reserve + 9 + 28);
    Options without_page;
    without_page.http = "off";
    CHECK(plan_descriptors(1000, 3, without_page).page == 0);
    CHECK(plan_descriptors(1000, 3, without_page).clients > plain.clients);
}

TEST_CASE("too few to serve anybody are refused with a sentence that says how many are needed") {
    std::size_t least = 0;
    for (std::size_t limit = 0; limit < 200 && least == 0; ++limit) {
        try {
            (void)plan_descriptors(limit, 3, Options{});
            least = limit;
        } catch (const std::runtime_error& error) {
            const std::string text = error.what();
            CHECK(text.find("the limit of open files is " + std::to_string(limit)) != std::string::npos);
            CHECK(text.find("ulimit -n") != std::string::npos);
        }
    }
    CHECK(least > 64);
    CHECK(least < 128);
}

TEST_CASE("who knocks when the clients' descriptors are used up is sent away, also when none are left at all") {
    const pid_t child = ::fork();  // the limit is one of a whole process
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(fill_up());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
