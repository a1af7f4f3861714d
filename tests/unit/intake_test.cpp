// Intake: the connections of one address, and what connections may send and cost together. Those of other machines are
// made in a network of the test's own, which has one more address.
#include "edge/intake.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

using namespace broker;

namespace {

constexpr const char* kOther = "10.77.0.1";
constexpr int kNoNetwork = 77;

std::uint64_t counted(const char* text) {
    sockaddr_storage address{};
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
    address.ss_family = std::strchr(text, ':') == nullptr ? AF_INET : AF_INET6;
    void* into = address.ss_family == AF_INET ? static_cast<void*>(&v4->sin_addr) : &v6->sin6_addr;
    REQUIRE(inet_pton(address.ss_family, text, into) == 1);
    return counted_address(&address);
}

/// Gives the loopback device this address, too, and brings it up.
bool give_address(const char* text) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    ifreq wish{};
    std::strcpy(wish.ifr_name, "lo:1");
    wish.ifr_addr.sa_family = AF_INET;
    inet_pton(AF_INET, text, &reinterpret_cast<sockaddr_in*>(&wish.ifr_addr)->sin_addr);
    bool done = ioctl(fd, SIOCSIFADDR, &wish) == 0;
    std::strcpy(wish.ifr_name, "lo");
    wish.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    done = ioctl(fd, SIOCSIFFLAGS, &wish) == 0 && done;
    close(fd);
    return done;
}

/// Runs it in a process with an intake of its own. Its answer.
int in_own_process(const std::function<int()>& act) {
    const pid_t child = fork();
    if (child == 0) _exit(act());
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// The same with a network of its own, too; kNoNetwork where that cannot be had.
int in_own_network(const std::function<int()>& act) {
    return in_own_process([&] {
        const int kinds = geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET;
        return unshare(kinds) == 0 && give_address(kOther) ? act() : kNoNetwork;
    });
}

sockaddr_in free_port(const char* address) {
    sockaddr_in end{};
    end.sin_family = AF_INET;
    inet_pton(AF_INET, address, &end.sin_addr);
    return end;
}

struct End {
    End(Intake& intake, Intake::Kind kind, const char* on) : intake_(intake), fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        address_ = free_port(on);
        socklen_t size = sizeof address_;
        (void)bind(fd_, reinterpret_cast<sockaddr*>(&address_), size);
        listen(fd_, 16);
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &size);
        const Intake::Binding binding(kind);
        intake_.listening(fd_);
    }
    /// A connection from the end's own address. Its descriptor here, or -1: it is not let in.
    int come() {
        const int client = socket(AF_INET, SOCK_STREAM, 0);
        (void)connect(client, reinterpret_cast<sockaddr*>(&address_), sizeof address_);
        const int taken = accept(fd_, nullptr, nullptr);
        if (intake_.accepted(fd_, taken)) return taken;
        close(taken);
        return -1;
    }

    Intake& intake_;
    int fd_;
    sockaddr_in address_{};
};

/// 0, or the number of the step that went wrong.
int few_from_one_address() {
    Intake& intake = Intake::instance();
    IntakeLimits limits;
    limits.of_address = 2;
    intake.set_limits(limits);
    const auto refused = [&] { return intake.counts().cut[static_cast<std::size_t>(Cut::address)]; };
    End router(intake, Intake::Kind::router_endpoint, kOther), pub(intake, Intake::Kind::pub_endpoint, kOther);
    End near(intake, Intake::Kind::router_endpoint, "127.0.0.1");
    const int first = router.come();
    if (first < 0 || router.come() < 0) return 1;
    if (router.come() >= 0 || router.come() >= 0 || refused() != 2) return 2;
    if (pub.come() < 0 || pub.come() < 0 || pub.come() >= 0 || refused() != 3)
        return 3;  // each end has a count of its own
    for (int i = 0; i < 5; ++i)
        if (near.come() < 0) return 4;
    intake.closing(first);
    close(first);
    if (router.come() < 0 || router.come() >= 0 || refused() != 4) return 5;
    return intake.counts().strangers == 7 && intake.counts().subscribers == 2 ? 0 : 6;
}

std::uint64_t cut_for(Cut why) { return Intake::instance().counts().cut[static_cast<std::size_t>(why)]; }

/// The same: who is not let in does not count.
int refused_ones_are_not_counted() {
    Intake& intake = Intake::instance();
    IntakeLimits limits;
    limits.of_address = 2;
    limits.strangers = 1;  // and so many subscribers without a client
    intake.set_limits(limits);
    End pub(intake, Intake::Kind::pub_endpoint, kOther);
    if (pub.come() < 0) return 1;
    for (int i = 0; i < 5; ++i)
        if (pub.come() >= 0) return 2;
    if (cut_for(Cut::subscribers) != 5 || cut_for(Cut::address) != 0) return 3;
    limits.strangers = 3;
    intake.set_limits(limits);
    return pub.come() >= 0 && pub.come() < 0 && cut_for(Cut::address) == 1 ? 0 : 4;
}

/// The same: bytes of connections that are no clients, each on its own and all together.
int bytes_of_strangers(Intake::Kind kind) {
    Intake& intake = Intake::instance();
    IntakeLimits limits;
    limits.of_stranger = limits.of_subscriber = 100;
    limits.of_strangers = limits.of_subscribers = 150;
    limits.always = 10;
    intake.set_limits(limits);
    const auto sum = [&] { return intake.counts().stranger_bytes + intake.counts().subscriber_bytes; };
    End end(intake, kind, "127.0.0.1");
    const int much = end.come(), first = end.come(), second = end.come(), third = end.come();
    if (!intake.received(much, 100) || intake.received(much, 1) || intake.received(much, 1)) return 1;
    if (cut_for(Cut::flooded) != 1 || sum() != 0) return 2;  // what it had sent counts no more
    if (!intake.received(first, 100) || !intake.received(second, 50)) return 3;
    if (!intake.received(third, 10) || intake.received(third, 1)) return 4;  // a little is always allowed
    if (cut_for(Cut::flooded) != 2 || sum() != 150) return 5;
    intake.closing(first);
    intake.closing(second);
    return sum() == 0 ? 0 : 6;
}

/// The same.
int parts_of_a_message() {
    Intake& intake = Intake::instance();
    End router(intake, Intake::Kind::router_endpoint, "127.0.0.1");
    const int one = router.come();
    for (const bool more : {false, false, true})  // two messages that are as long as they may be, and one that goes on
        for (std::uint32_t i = 0; i < IntakeLimits{}.parts; ++i)
            if (!intake.part(one, more || i + 1 < IntakeLimits{}.parts)) return 1;
    return !intake.part(one, true) && cut_for(Cut::flooded) == 1 ? 0 : 2;
}

/// The same.
int a_crowd_of_strangers() {
    Intake& intake = Intake::instance();
    IntakeLimits limits;
    limits.strangers = 2;
    limits.crowd_us = 3600'000'000;
    intake.set_limits(limits);
    End router(intake, Intake::Kind::router_endpoint, "127.0.0.1"),
        pub(intake, Intake::Kind::pub_endpoint, "127.0.0.1");
    const int oldest = router.come();
    if (oldest < 0 || intake.full(router.fd_)) return 1;
    const int newer = router.come();
    if (!intake.full(router.fd_) || intake.full(pub.fd_)) return 2;  // all of them are new: nobody goes, nobody comes
    limits.crowd_us = 0;
    intake.set_limits(limits);
    if (intake.full(router.fd_)) return 3;
    const int newest = router.come();
    if (cut_for(Cut::crowded) != 1 || intake.counts().strangers != 2) return 4;
    return !intake.received(oldest, 1) && intake.received(newer, 1) && intake.received(newest, 1) ? 0 : 5;
}

/// The same: who said a HELLO is a client, and when the core knows it no more it is a stranger again.
int a_client_that_said_bye() {
    Intake& intake = Intake::instance();
    End router(intake, Intake::Kind::router_endpoint, "127.0.0.1");
    const int one = router.come();
    intake.greeted(one, 7);
    if (intake.counts().clients != 1 || intake.counts().strangers != 0) return 1;
    intake.disconnected(one, 8, true);  // somebody else, who had the descriptor before
    if (intake.counts().clients != 1) return 2;
    intake.disconnected(one, 7, false);
    if (intake.counts().clients != 0 || intake.counts().strangers != 1) return 3;
    (void)intake.expire(INT64_MAX);
    return cut_for(Cut::silent) == 1 && intake.counts().strangers == 0 ? 0 : 4;
}

/// The same: it is told to the core at the moment in which its I/O thread closes it.
int clients_that_part_and_close() {
    Intake& intake = Intake::instance();
    End router(intake, Intake::Kind::router_endpoint, "127.0.0.1");
    const int one = router.come();
    std::atomic<int> round{0}, closed{0};
    constexpr int kRounds = 300'000;
    std::thread io([&] {
        for (int i = 1; i <= kRounds; ++i) {
            while (round < i) std::this_thread::yield();
            for (int pause = i % 512; pause > 0; --pause) std::atomic_signal_fence(std::memory_order_seq_cst);
            intake.closing(one);
            closed = i;
        }
    });
    int wrong = 0;
    for (int i = 1; i <= kRounds; ++i) {
        if (i > 1 && !intake.accepted(router.fd_, one)) wrong = 1;
        intake.greeted(one, static_cast<std::uint64_t>(i));
        round = i;
        intake.disconnected(one, static_cast<std::uint64_t>(i), i % 2 == 0);
        while (closed < i) std::this_thread::yield();
        if (intake.counts().strangers != 0 || intake.counts().clients != 0) wrong = 2;  // it is no more
        if (wrong != 0) break;
    }
    round = kRounds;
    io.join();
    return wrong;
}

/// The same.
int topics_of_a_subscriber() {
    Intake& intake = Intake::instance();
    const std::uint64_t known = 5, unknown = 6;
    const auto admits = [&](const void* topic, std::size_t size) {
        return intake.admits_topic(static_cast<const unsigned char*>(topic), size);
    };
    intake.set_topics([](std::uint64_t topic) { return topic == known; });
    if (!admits(&known, sizeof known) || !admits(&known, 0)) return 1;
    if (admits(&unknown, sizeof unknown)) return 2;
    return !admits("1234567", 7) && !admits("123456789", 9) ? 0 : 3;
}

}  // namespace

TEST_CASE("an IPv4 address is one, a /64 of IPv6 is one, and this machine is none") {
    CHECK(counted("10.0.0.1") != 0);
    CHECK(counted("10.0.0.1") != counted("10.0.0.2"));
    CHECK(counted("::ffff:10.0.0.1") == counted("10.0.0.1"));
    CHECK(counted("2001:db8::1") == counted("2001:db8::ffff:2"));
    CHECK(counted("2001:db8::1") != counted("2001:db8:0:1::1"));
    for (const char* near : {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"}) CHECK(counted(near) == 0);
}

TEST_CASE("an address may have so many connections to each end, and others when some go") {
    const int step = in_own_network(few_from_one_address);
    if (step == kNoNetwork) {
        MESSAGE("not shown: no network of its own can be had here");
        return;
    }
    CHECK(step == 0);
}

TEST_CASE("a connection that is not let in does not count for its address") {
    const int step = in_own_network(refused_ones_are_not_counted);
    if (step == kNoNetwork) {
        MESSAGE("not shown: no network of its own can be had here");
        return;
    }
    CHECK(step == 0);
}

TEST_CASE("strangers and subscribers may send so much, each and all together") {
    for (const auto kind : {Intake::Kind::router_endpoint, Intake::Kind::pub_endpoint})
        CHECK(in_own_process([kind] { return bytes_of_strangers(kind); }) == 0);
}

TEST_CASE("a message of more parts than a message may have is the end of its connection") {
    CHECK(in_own_process(parts_of_a_message) == 0);
}

TEST_CASE("of many strangers the oldest goes, but not before it has had its time") {
    CHECK(in_own_process(a_crowd_of_strangers) == 0);
}

TEST_CASE("a client whom the core knows no more has the time of a stranger") {
    CHECK(in_own_process(a_client_that_said_bye) == 0);
}

TEST_CASE("a connection that is closed is nobody's, whatever is being said of it at that moment") {
    CHECK(in_own_process(clients_that_part_and_close) == 0);
}

TEST_CASE("a subscriber may have everything, and the topics that there are") {
    CHECK(in_own_process(topics_of_a_subscriber) == 0);
}
