// Accounts by descriptor. All threads of the ends; what is not of one connection alone lies under the lock.
#include "edge/intake.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include <chrono>
#include <cstring>
#include <utility>

#include "base/clock.hpp"

namespace broker {
namespace {

thread_local Intake::Kind binding = Intake::Kind::none;

/// How much of what was sent over it the other side has taken, as a number that changes while it takes; 0 when nothing
/// waits for it.
std::uint64_t progress_of(int fd) {
    int waiting = 0;
    if (ioctl(fd, SIOCOUTQ, &waiting) != 0 || waiting == 0) return 0;
    tcp_info info{};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) return info.tcpi_bytes_acked + 1;
    return static_cast<std::uint64_t>(waiting);  // ipc has no such count
}

}  // namespace

std::uint64_t counted_address(const void* socket_address) {
    sa_family_t family = AF_UNSPEC;
    std::memcpy(&family, socket_address, sizeof family);
    std::uint32_t v4 = 0;
    if (family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, socket_address, sizeof in);
        v4 = ntohl(in.sin_addr.s_addr);
    } else if (family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, socket_address, sizeof in);
        if (IN6_IS_ADDR_LOOPBACK(&in.sin6_addr)) return 0;
        if (!IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
            std::uint64_t net = 0;
            std::memcpy(&net, &in.sin6_addr, sizeof net);
            return net | 1;  // never 0, and apart from every IPv4 address: those have zero bits at both ends
        }
        std::memcpy(&v4, reinterpret_cast<const char*>(&in.sin6_addr) + 12, sizeof v4);
        v4 = ntohl(v4);
    }
    return v4 >> 24 == 127 ? 0 : std::uint64_t(v4) << 1;
}

Intake::Binding::Binding(Kind kind) { binding = kind; }
Intake::Binding::~Binding() { binding = Kind::none; }

Intake& Intake::instance() {
    static Intake& intake = *new Intake;  // for ever: descriptors are closed until the very end of the process
    return intake;
}

void Intake::set_limits(const IntakeLimits& limits) {
    const std::scoped_lock lock(mutex_);
    limits_ = limits;
    of_client_.store(limits.of_client, std::memory_order_relaxed);
}

IntakeCounts Intake::counts() {
    const std::scoped_lock lock(mutex_);
    return {strangers_.size(), clients_, subscribers_.size(), stranger_bytes_, subscriber_bytes_, pinned_, cut_};
}

Intake::Account* Intake::account(int fd) const {
    const auto at = static_cast<std::size_t>(fd);
    Chunk* chunk = fd < 0 || at >= kChunk * kChunks ? nullptr : accounts_[at / kChunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &(*chunk)[at % kChunk];
}

/// Under the lock.
Intake::Account* Intake::new_account(int fd) {
    const auto at = static_cast<std::size_t>(fd);
    if (fd < 0 || at >= kChunk * kChunks) return nullptr;
    if (accounts_[at / kChunk] == nullptr) accounts_[at / kChunk] = new Chunk;
    return account(fd);
}

void Intake::listening(int fd) {
    if (binding == Kind::none) return;
    const std::scoped_lock lock(mutex_);
    Account* a = new_account(fd);
    if (a == nullptr) return;
    a->kind = binding;
    a->ours = true;
}

bool Intake::full(int listener) {
    const Account* end = account(listener);
    if (end == nullptr || end->kind != Kind::router_endpoint) return false;
    const std::scoped_lock lock(mutex_);
    return strangers_.size() >= limits_.strangers &&
           cast::base::monotonic_us() - account(strangers_.front())->since_us < limits_.crowd_us;
}

bool Intake::accepted(int listener, int fd) {
    const Account* end = account(listener);
    if (end == nullptr || end->kind == Kind::none) return true;
    const std::scoped_lock lock(mutex_);
    Account* a = new_account(fd);
    if (a == nullptr) return false;
    const bool subscribes = end->kind == Kind::pub_endpoint;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const bool known = getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
    // The end is in the address: each has a count of its own.
    std::uint64_t address = known ? counted_address(&peer) : 0;
    if (address != 0) address = address << 1 | (subscribes ? 1 : 0);
    const auto many = addresses_.find(address);
    if (many != addresses_.end() && many->second >= limits_.of_address) {
        ++cut_[static_cast<std::size_t>(Cut::address)];
        return false;
    }
    // Each client has one subscription at most; who has no client has none but what strangers may.
    if (subscribes && subscribers_.size() >= clients_ + limits_.strangers) {
        ++cut_[static_cast<std::size_t>(Cut::subscribers)];
        return false;
    }
    if (address != 0) ++addresses_[address];
    a->received = a->taken = a->peer = a->progress = 0;
    a->parts = 0;
    a->cut = false;
    a->ours = true;
    a->address = address;
    if (subscribes) {
        a->kind = Kind::subscriber;
        a->place = subscribers_.insert(subscribers_.end(), fd);
    } else {
        become_stranger(fd, *a);
    }
    return true;
}

void Intake::become_stranger(int fd, Account& a) {
    a.kind = Kind::stranger;
    a.since_us = cast::base::monotonic_us();
    a.place = strangers_.insert(strangers_.end(), fd);
    if (strangers_.size() == 1) {
        wake_ = true;
        woken_.notify_one();
    }
    // Of many at once the newest are the honest ones: who means harm was there before.
    if (strangers_.size() > limits_.strangers) {
        const int oldest = strangers_.front();
        hang_up(oldest, *account(oldest), Cut::crowded);
    }
}

/// Takes it out of all sums and lists.
void Intake::leave(Account& a) {
    if (a.kind == Kind::stranger) {
        strangers_.erase(a.place);
        stranger_bytes_ -= a.received;
    } else if (a.kind == Kind::subscriber) {
        subscribers_.erase(a.place);
        subscriber_bytes_ -= a.received;
    } else if (a.kind == Kind::client) {
        --clients_;
    }
    a.kind = Kind::none;
}

/// Its I/O thread finds the end of the connection and closes it. What it had sent and was not read is not read any
/// more.
void Intake::hang_up(int fd, Account& a, Cut why) {
    ++cut_[static_cast<std::size_t>(why)];
    leave(a);
    a.cut = true;
    shutdown(fd, SHUT_RDWR);
}

bool Intake::received(int fd, std::uint64_t bytes) {
    Account* a = account(fd);
    if (a == nullptr) return true;
    const Kind kind = a->kind.load(std::memory_order_relaxed);
    if (kind == Kind::client) {
        const std::uint64_t sum = a->received.load(std::memory_order_relaxed) + bytes;
        a->received.store(sum, std::memory_order_relaxed);
        if (sum <= a->taken.load(std::memory_order_relaxed) + of_client_.load(std::memory_order_relaxed)) return true;
    } else if (!a->ours.load(std::memory_order_relaxed)) {
        return true;
    }
    const std::scoped_lock lock(mutex_);
    if (a->cut) return false;
    return take_in(fd, *a, kind == Kind::client ? 0 : bytes);
}

bool Intake::take_in(int fd, Account& a, std::uint64_t bytes) {
    a.received += bytes;
    const std::uint64_t sum = a.received;
    bool much = false;
    if (a.kind == Kind::stranger) {
        stranger_bytes_ += bytes;
        much = sum > limits_.of_stranger || stranger_bytes_ > limits_.of_strangers;
    } else if (a.kind == Kind::subscriber) {
        subscriber_bytes_ += bytes;
        much = sum > limits_.of_subscriber || subscriber_bytes_ > limits_.of_subscribers;
    } else {
        much = sum > a.taken + of_client_;
    }
    if (!much || sum <= limits_.always) return true;
    hang_up(fd, a, Cut::flooded);
    return false;
}

bool Intake::part(int fd, bool more) {
    Account* a = account(fd);
    if (a == nullptr || !a->ours.load(std::memory_order_relaxed)) return true;
    a->parts = more ? a->parts + 1 : 0;
    if (a->parts <= limits_.parts) return true;
    const std::scoped_lock lock(mutex_);
    if (!a->cut) hang_up(fd, *a, Cut::flooded);
    return false;
}

void Intake::closing(int fd) {
    Account* a = account(fd);
    // Its kind may be changing at this moment: what would then be listed as a stranger is somebody else's descriptor.
    if (a == nullptr || !a->ours.load(std::memory_order_relaxed)) return;
    const std::scoped_lock lock(mutex_);
    a->ours = false;
    leave(*a);
    a->cut = false;
    const auto counted = addresses_.find(a->address);
    if (counted != addresses_.end() && --counted->second == 0) addresses_.erase(counted);
    a->address = 0;
}

void Intake::greeted(int fd, std::uint64_t peer) {
    const std::scoped_lock lock(mutex_);
    Account* a = account(fd);
    if (a == nullptr || (a->kind != Kind::stranger && a->kind != Kind::client)) return;
    if (a->kind == Kind::stranger) {
        leave(*a);
        ++clients_;
        a->taken = a->received.load();
        a->kind = Kind::client;
    }
    a->peer = peer;
}

void Intake::taken(int fd, std::uint64_t peer, std::uint64_t bytes) {
    Account* a = account(fd);
    // Only the broker's thread writes `peer` of a client, and `taken`.
    if (a == nullptr || a->kind.load(std::memory_order_relaxed) != Kind::client || a->peer != peer) return;
    a->taken.store(a->taken.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

void Intake::disconnected(int fd, std::uint64_t peer, bool cut) {
    const std::scoped_lock lock(mutex_);
    Account* a = account(fd);
    if (a == nullptr || a->kind != Kind::client || a->peer != peer) return;
    if (cut) return hang_up(fd, *a, Cut::given_up);
    leave(*a);
    a->received = 0;
    become_stranger(fd, *a);
}

std::int64_t Intake::expire(std::int64_t now_us) {
    const std::scoped_lock lock(mutex_);
    while (!strangers_.empty()) {
        Account& oldest = *account(strangers_.front());
        const std::int64_t due = oldest.since_us + limits_.silence_us;
        if (due > now_us) return due;
        hang_up(strangers_.front(), oldest, Cut::silent);
    }
    return -1;
}

bool Intake::admits_topic(const unsigned char* topic, std::size_t size) const {
    std::uint64_t number = 0;
    if (size == 0) return true;  // everything: one entry
    if (size != sizeof number) return false;
    std::memcpy(&number, topic, sizeof number);
    return !topics_ || topics_(number);
}

bool Intake::pin(std::uint64_t bytes) {
    const std::uint64_t before = pinned_;
    if (before > 0 && before + bytes > limits_.pinned_most) return false;
    pinned_ += bytes;
    if (before + bytes > limits_.pinned && !watched_.exchange(true)) {
        const std::scoped_lock lock(mutex_);
        wake_ = true;
        woken_.notify_one();
    }
    return true;
}

bool Intake::unstick() {
    if (!watched_) return false;
    const std::scoped_lock lock(mutex_);
    const bool much = pinned_ > limits_.pinned;
    std::vector<int> stuck;
    for (int fd : subscribers_) {
        Account& a = *account(fd);
        const std::uint64_t progress = much ? progress_of(fd) : 0;
        if (progress != 0 && progress == a.progress) stuck.push_back(fd);
        a.progress = progress;
    }
    for (int fd : stuck) hang_up(fd, *account(fd), Cut::stuck);
    watched_ = much;
    return much;
}

void Intake::wait(const std::stop_token& stop, std::int64_t timeout_us) {
    std::unique_lock lock(mutex_);
    const auto due = [this] { return std::exchange(wake_, false); };
    if (timeout_us < 0)
        woken_.wait(lock, stop, due);
    else
        woken_.wait_for(lock, stop, std::chrono::microseconds(timeout_us), due);
}

}  // namespace broker
