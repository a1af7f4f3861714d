// The ROUTER and PUB sockets. Broker's thread.
#include "edge/zmq_edge.hpp"

#include <poll.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/random_id.hpp"
#include "wire/bytes.hpp"
#include "wire/local.hpp"

/// In replaced/routing_ids.cpp, where that is linked.
extern const bool cast_edge_numbers_peers [[gnu::weak]];  // NOLINT(readability-identifier-naming): a symbol

namespace broker {
namespace {

using cast::wire::Slice;

constexpr std::size_t kZeroCopy = 8192;  // smaller frames are cheaper to copy than to share
constexpr int kRouterHwm = 100000;       // frames to one peer; the readers' windows keep it far below
constexpr int kPubHwm = 1000;            // frames to one subscriber; beyond it PUB drops and FETCH repairs
constexpr std::int64_t kLongestWait = 60 * kSecond;
constexpr int kLastWordsMs = 1000;     // at the end, for the last receipts and BYE on a busy machine
constexpr std::size_t kTiny = 128;     // frames below it are not counted when they are published
constexpr std::size_t kHeader = 9;     // at most, of ZMTP's, before each frame
constexpr std::size_t kRoutingId = 5;  // a zero byte and four of libzmq's own counting

void release_owner(void*, void* hint) { delete static_cast<std::shared_ptr<const void>*>(hint); }

/// A message of the slice's bytes: shared when large.
bool fill(zmq_msg_t& message, const Slice& frame) {
    if (frame.size() < kZeroCopy) {
        if (zmq_msg_init_size(&message, frame.size()) != 0) return false;
        std::memcpy(zmq_msg_data(&message), frame.data(), frame.size());
        return true;
    }
    auto* owner = new std::shared_ptr<const void>(frame.owner());
    if (zmq_msg_init_data(&message, const_cast<char*>(frame.data()), frame.size(), release_owner, owner) == 0)
        return true;
    delete owner;
    return false;
}

/// What is published, until all subscribers have taken it.
struct Published {
    std::shared_ptr<const void> owner;
    std::size_t size;
};

void release_published(void*, void* hint) {
    const auto* published = static_cast<Published*>(hint);
    Intake::instance().unpin(published->size);
    delete published;
}

int poll_sockets(pollfd* fds, nfds_t count, std::int64_t timeout_us) {
    const std::int64_t wait_us = std::clamp<std::int64_t>(timeout_us, 0, kLongestWait);
    const timespec wait{wait_us / kSecond, wait_us % kSecond * 1000};
    return ppoll(fds, count, &wait, nullptr);
}

/// libzmq takes the first number that it gives a peer from rand(), which nobody seeds.
int seed_first(int io_threads) {
    std::srand(static_cast<unsigned>(cast::base::random_id()));
    return io_threads;
}

/// Throws std::runtime_error when one of the ends can be reached from elsewhere.
void insist_on_this_machine(const std::vector<std::string>& endpoints) {
    for (const std::string& end : endpoints)
        if (end.rfind("ipc:", 0) != 0 && !cast::wire::over_loopback(end))
            throw std::runtime_error("cannot bind " + end +
                                     ": this build's libzmq can be made to abort by a peer, so it serves this machine "
                                     "only (tcp://127.0.0.1:PORT, ipc://)");
}

}  // namespace

bool ZmqEdge::numbers_peers() { return &cast_edge_numbers_peers != nullptr; }

ZmqEdge::ZmqEdge(const Settings& settings)
    : intake_(Intake::instance()),
      context_(seed_first(settings.io_threads)),
      router_(context_, zmq::socket_type::router),
      pub_(context_, zmq::socket_type::pub),
      may_spin_(settings.spin && std::thread::hardware_concurrency() > 1),
      endpoints_(settings.ipc) {
    intake_.set_limits(settings.limits);
    router_.set(zmq::sockopt::router_mandatory, true);
    router_.set(zmq::sockopt::sndhwm, kRouterHwm);
    router_.set(zmq::sockopt::rcvhwm, 0);  // always drained; a sender's window bounds what it can have on its way
    router_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(settings.max_frame));
    pub_.set(zmq::sockopt::sndhwm, kPubHwm);
    // As above: where libzmq stops reading a connection, a ZMTP PING behind it can abort the process.
    pub_.set(zmq::sockopt::rcvhwm, 0);
    pub_.set(zmq::sockopt::maxmsgsize, std::int64_t{1024});  // subscribers only say what they want
    for (zmq::socket_t* socket : {&router_, &pub_}) {
        // Where there is a domain, libzmq refuses ZMTP 1 and 2, and the ids that they carry.
        socket->set(zmq::sockopt::zap_domain, "cast");
        socket->set(zmq::sockopt::linger, kLastWordsMs);
        socket->set(zmq::sockopt::backlog, 4096);
        socket->set(zmq::sockopt::tcp_keepalive, 1);
        socket->set(zmq::sockopt::tcp_keepalive_idle, 30);
        socket->set(zmq::sockopt::tcp_keepalive_intvl, 10);
        socket->set(zmq::sockopt::tcp_keepalive_cnt, 3);
    }
    context_.set(zmq::ctxopt::max_sockets, 1023);
    if (!numbers_peers()) {
        insist_on_this_machine(settings.publish);
        insist_on_this_machine(settings.bind);
    }
    {
        const Intake::Binding binding(Intake::Kind::pub_endpoint);
        published_ = endpoints_.bind(pub_, settings.publish, cast::wire::kLocalPublishBuffer);
    }
    {
        const Intake::Binding binding(Intake::Kind::router_endpoint);
        bound_ = endpoints_.bind(router_, settings.bind, 0);
    }
    router_fd_ = router_.get(zmq::sockopt::fd);
    pub_fd_ = pub_.get(zmq::sockopt::fd);
}

bool ZmqEdge::wait(std::int64_t timeout_us, int fd, int other_fd) {
    // The ROUTER's descriptor says only that something happened: what there is to read, the socket says.
    const bool waiting = (router_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
    spin_.took(std::exchange(taken_, 0));
    credit();
    if (waiting) timeout_us = 0;
    pollfd fds[] = {{router_fd_, POLLIN, 0}, {pub_fd_, POLLIN, 0}, {fd, POLLIN, 0}, {other_fd, POLLIN, 0}};
    const nfds_t count = other_fd < 0 ? 3 : 4;
    const std::int64_t begin = may_spin_ ? cast::base::monotonic_us() : 0;
    const std::int64_t spin_us = may_spin_ && spin_.pays() ? std::min(timeout_us, Spin::kLongestUs) : 0;
    bool found = false;
    std::int64_t spun = 0;
    for (; spun < spin_us && !found; spun = cast::base::monotonic_us() - begin) {
        if (spun > 0) sched_yield();
        found = poll_sockets(fds, count, 0) > 0;
    }
    if (!found && poll_sockets(fds, count, timeout_us - spun) < 0) return false;  // interrupted: the caller looks again
    if (may_spin_) spin_.waited(cast::base::monotonic_us() - begin);
    // Subscribers came or went: what they leave lies with the socket until it is asked, and it may never publish.
    if ((fds[1].revents & POLLIN) != 0) (void)pub_.get(zmq::sockopt::events);
    return (fds[2].revents & POLLIN) != 0;
}

bool ZmqEdge::receive(ConnectionId& from, Slice& frame) {
    for (;;) {
        zmq::message_t id, body;
        if (zmq_msg_recv(id.handle(), router_.handle(), ZMQ_DONTWAIT) < 0) return false;
        int parts = 0;
        std::size_t bytes = 0;
        bool more = id.more();
        while (more) {
            zmq::message_t part;
            if (zmq_msg_recv(part.handle(), router_.handle(), ZMQ_DONTWAIT) < 0) break;
            more = part.more();
            bytes += part.size() + kHeader;
            if (parts++ == 0) body = std::move(part);
        }
        const char* raw = static_cast<const char*>(id.data());
        if (id.size() != kRoutingId || raw[0] != 0) continue;  // only where peers may name themselves (numbers_peers)
        from = cast::wire::load<std::uint32_t>(raw + 1);
        taken_ += body.size();
        if (from != credited_) {
            credit();
            credited_ = from;
        }
        credit_ += bytes;
        if (parts != 1) {
            frame = {};  // a frame is one part: the core answers this one as malformed
        } else if (body.size() < kZeroCopy) {
            frame = Slice::copy({static_cast<const char*>(body.data()), body.size()});
            last_ = std::move(body);
        } else {
            auto owner = std::make_shared<zmq::message_t>(std::move(body));
            const char* data = static_cast<const char*>(owner->data());
            const std::size_t size = owner->size();
            frame = Slice(std::move(owner), data, size);
        }
        return true;
    }
}

Edge::Sent ZmqEdge::send(ConnectionId to, const Slice& frame) {
    char id[kRoutingId] = {};
    cast::wire::store(id + 1, static_cast<std::uint32_t>(to));
    if (zmq_send(router_.handle(), id, sizeof id, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        // Its connection has ended, and its descriptor may be somebody else's by now, who is not to be hung up on for
        // it.
        if (zmq_errno() == EHOSTUNREACH) disconnected(to, false);
        return Sent::gone;  // unknown, or far behind
    }
    zmq_msg_t message;
    if (!fill(message, frame)) return Sent::gone;
    if (zmq_msg_send(&message, router_.handle(), ZMQ_DONTWAIT) >= 0) return Sent::ok;
    zmq_msg_close(&message);
    return Sent::gone;
}

void ZmqEdge::publish(std::uint64_t topic, const Slice& frame) {
    const std::size_t size = frame.size();
    if (size >= kTiny && !intake_.pin(size)) return;
    zmq_msg_t message;
    bool filled = false;
    if (size < kTiny) {
        filled = fill(message, frame);
    } else {
        auto* published = new Published{frame.owner(), size};
        filled = zmq_msg_init_data(&message, const_cast<char*>(frame.data()), size, release_published, published) == 0;
        if (!filled) release_published(nullptr, published);
    }
    if (!filled) return;
    const bool begun = zmq_send(pub_.handle(), &topic, sizeof topic, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0;
    if (!begun || zmq_msg_send(&message, pub_.handle(), ZMQ_DONTWAIT) < 0) zmq_msg_close(&message);
}

void ZmqEdge::credit() {
    const std::uint64_t bytes = std::exchange(credit_, 0);
    if (bytes == 0) return;
    if (const auto at = descriptors_.find(credited_); at != descriptors_.end())
        intake_.taken(at->second, credited_, bytes);
}

void ZmqEdge::greeted(ConnectionId peer) {
    const int fd = last_.handle() != nullptr ? zmq_msg_get(last_.handle(), ZMQ_SRCFD) : -1;
    if (fd < 0) return;
    descriptors_[peer] = fd;
    intake_.greeted(fd, peer);
}

void ZmqEdge::disconnected(ConnectionId peer, bool cut) {
    const auto at = descriptors_.find(peer);
    if (at == descriptors_.end()) return;
    intake_.disconnected(at->second, peer, cut);
    descriptors_.erase(at);
}

EdgeCounts ZmqEdge::counts() const {
    const IntakeCounts counts = intake_.counts();
    EdgeCounts known{counts.strangers,
                     counts.clients,
                     counts.subscribers,
                     counts.stranger_bytes,
                     counts.subscriber_bytes,
                     counts.pinned_bytes,
                     {}};
    for (std::size_t i = 0; i < kCutNames.size(); ++i) known.cut.emplace_back(kCutNames[i], counts.cut[i]);
    return known;
}

}  // namespace broker
