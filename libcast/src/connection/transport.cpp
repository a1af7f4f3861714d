// The client's ZeroMQ sockets. See transport.hpp for the thread.
#include "src/connection/transport.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>

#include "wire/bytes.hpp"
#include "wire/heap.hpp"
#include "wire/limits.hpp"
#include "wire/local.hpp"

namespace cast::detail {
namespace {

constexpr std::size_t kForContext = 16;  // descriptors: its threads' and a first connection's
constexpr std::size_t kZeroCopy = 8192;  // smaller frames are cheaper to copy than to share
// libzmq is never to reconnect. Its own word for that, -1, also throws away what has arrived and was not read when the
// connection went: BYE, the last receipts. So it may try again tomorrow; by then the socket is long gone.
constexpr int kNeverAgainMs = 24 * 3600 * 1000;

/// libzmq ends the program when it finds no descriptor for its threads; so they are looked for before.
void insist_on_descriptors() {
    std::array<int, kForContext> taken{};
    for (int& fd : taken) fd = eventfd(0, EFD_CLOEXEC);
    const int error = taken.back() < 0 ? errno : 0;
    for (const int fd : taken)
        if (fd >= 0) close(fd);
    if (error != 0) throw std::system_error(error, std::generic_category());
}

/// One context for all links of the process, made with the first and gone with the last.
std::shared_ptr<zmq::context_t> shared_context() {
    static std::mutex mutex;
    static std::weak_ptr<zmq::context_t> weak;
    static pid_t process = 0;
    const std::lock_guard lock(mutex);
    auto context = weak.lock();
    if (context == nullptr || process != getpid()) {  // a parent's has no threads here
        process = getpid();
        insist_on_descriptors();
        wire::keep_freed_memory();
        weak = context = std::make_shared<zmq::context_t>(1);
    }
    return context;
}

void release_owner(void*, void* hint) { delete static_cast<std::shared_ptr<const void>*>(hint); }

wire::Slice adopt(zmq::message_t&& message) {
    if (message.size() < kZeroCopy)
        return wire::Slice::copy({static_cast<const char*>(message.data()), message.size()});
    auto owner = std::make_shared<zmq::message_t>(std::move(message));
    const char* data = static_cast<const char*>(owner->data());
    const std::size_t size = owner->size();
    return wire::Slice(std::move(owner), data, size);
}

/// libzmq does IPv6 only where it is asked to; without being asked it also works on systems that have none.
void set_family(zmq::socket_t& socket, const std::string& end) {
    if (end.rfind("tcp://[", 0) == 0) socket.set(zmq::sockopt::ipv6, 1);
}

}  // namespace

Transport::Transport() : context_(shared_context()) {}

Transport::~Transport() { disconnect(0); }

bool Transport::connect(const std::string& to) {
    static std::atomic<std::uint64_t> count{0};
    disconnect(0);
    trouble_.clear();
    try {
        auto dealer = std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::dealer);
        dealer->set(zmq::sockopt::linger, 0);
        dealer->set(zmq::sockopt::reconnect_ivl, kNeverAgainMs);
        dealer->set(zmq::sockopt::sndhwm, 0);  // the session's window bounds it
        dealer->set(zmq::sockopt::rcvhwm, 0);  // the readers' windows bound it
        if (wire::over_loopback(to)) dealer->set(zmq::sockopt::sndbuf, wire::kLocalSendBuffer);
        set_family(*dealer, to);
        dealer->set(zmq::sockopt::tcp_keepalive, 1);
        dealer->set(zmq::sockopt::tcp_keepalive_idle, 30);
        dealer->set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(2 * wire::kHardMaxMessage));
        const std::string end = "inproc://cast-link-" + std::to_string(++count);
        const int events = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                           ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
        if (zmq_socket_monitor(dealer->handle(), end.c_str(), events) != 0) throw zmq::error_t();
        auto monitor = std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::pair);
        monitor->set(zmq::sockopt::linger, 0);
        monitor->connect(end);
        dealer->connect(to);
        dealer_.open(std::move(dealer));
        monitor_.open(std::move(monitor));
    } catch (const zmq::error_t& error) {
        trouble_ = error.what();
        return false;
    }
    collect_descriptors();
    return true;
}

void Transport::disconnect(int linger_ms) {
    if (connected()) {
        zmq_socket_monitor(dealer_.socket->handle(), nullptr, 0);
        dealer_.socket->set(zmq::sockopt::linger, linger_ms);
    }
    dealer_.close();
    monitor_.close();
    sub_.close();
    lost_ = false;
    collect_descriptors();
}

bool Transport::send(const wire::Slice& frame) {
    if (!connected()) return false;
    zmq_msg_t message;
    if (frame.size() < kZeroCopy) {
        if (zmq_msg_init_size(&message, frame.size()) != 0) return false;
        std::memcpy(zmq_msg_data(&message), frame.data(), frame.size());
    } else {
        auto* owner = new std::shared_ptr<const void>(frame.owner());
        if (zmq_msg_init_data(&message, const_cast<char*>(frame.data()), frame.size(), release_owner, owner) != 0) {
            delete owner;
            return false;
        }
    }
    if (zmq_msg_send(&message, dealer_.socket->handle(), ZMQ_DONTWAIT) >= 0) return true;
    zmq_msg_close(&message);
    return false;
}

bool Transport::receive(wire::Slice& frame) {
    if (!dealer_.hot) return false;
    zmq::message_t message;
    if (zmq_msg_recv(message.handle(), dealer_.socket->handle(), ZMQ_DONTWAIT) < 0) return dealer_.hot = false;
    frame = adopt(std::move(message));
    return true;
}

bool Transport::receive_published(std::uint64_t& stream, wire::Slice& frame) {
    while (sub_.hot) {
        zmq::message_t topic, body;
        if (zmq_msg_recv(topic.handle(), sub_.socket->handle(), ZMQ_DONTWAIT) < 0) return sub_.hot = false;
        if (!topic.more() || zmq_msg_recv(body.handle(), sub_.socket->handle(), ZMQ_DONTWAIT) < 0) continue;
        if (topic.size() != sizeof stream || body.more()) continue;
        stream = wire::load<std::uint64_t>(static_cast<const char*>(topic.data()));
        frame = adopt(std::move(body));
        return true;
    }
    return false;
}

bool Transport::lost() {
    while (monitor_.hot) {
        zmq::message_t event, address;
        if (zmq_msg_recv(event.handle(), monitor_.socket->handle(), ZMQ_DONTWAIT) < 0) {
            monitor_.hot = false;
            break;
        }
        if (event.more()) (void)zmq_msg_recv(address.handle(), monitor_.socket->handle(), ZMQ_DONTWAIT);
        lost_ = dealer_.hot = true;
    }
    return lost_;
}

bool Transport::stir() {
    if (!connected() || dealer_.hot) return hot();
    int events = 0;
    std::size_t size = sizeof events;
    // A signal may interrupt it: then a look tells.
    const bool known = zmq_getsockopt(dealer_.socket->handle(), ZMQ_EVENTS, &events, &size) == 0;
    dealer_.hot = !known || (events & ZMQ_POLLIN) != 0;
    return hot();
}

void Transport::readable(std::size_t i) {
    if (i < hot_of_.size()) *hot_of_[i] = true;
}

void Transport::publish_endpoint(const std::string& end) {
    publish_endpoint_ = end;
    sub_.close();
    if (!topics_.empty()) return make_sub();  // what was read on the connection before
    collect_descriptors();
}

void Transport::make_sub() {
    if (publish_endpoint_.empty()) return;
    try {
        auto sub = std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::sub);
        sub->set(zmq::sockopt::linger, 0);
        sub->set(zmq::sockopt::rcvhwm, 4096);
        if (wire::over_loopback(publish_endpoint_)) sub->set(zmq::sockopt::rcvbuf, wire::kLocalPublishBuffer);
        set_family(*sub, publish_endpoint_);
        sub->set(zmq::sockopt::tcp_keepalive, 1);
        sub->set(zmq::sockopt::tcp_keepalive_idle, 30);
        sub->set(zmq::sockopt::reconnect_ivl, 50);
        sub->connect(publish_endpoint_);
        for (std::uint64_t topic : topics_) zmq_setsockopt(sub->handle(), ZMQ_SUBSCRIBE, &topic, sizeof topic);
        sub_.open(std::move(sub));
    } catch (const zmq::error_t&) {
        sub_.close();  // FETCH brings what PUB cannot
    }
    collect_descriptors();
}

void Transport::subscribe(std::uint64_t stream) {
    if (!topics_.insert(stream).second) return;
    if (sub_.socket == nullptr) return make_sub();
    sub_.hot = true;
    zmq_setsockopt(sub_.socket->handle(), ZMQ_SUBSCRIBE, &stream, sizeof stream);
}

void Transport::unsubscribe(std::uint64_t stream) {
    if (topics_.erase(stream) == 0 || sub_.socket == nullptr) return;
    sub_.hot = true;
    zmq_setsockopt(sub_.socket->handle(), ZMQ_UNSUBSCRIBE, &stream, sizeof stream);
}

void Transport::renew() {
    sub_.close();
    make_sub();
}

void Transport::collect_descriptors() {
    fds_.clear();
    hot_of_.clear();
    ++generation_;
    for (Polled* polled : {&dealer_, &sub_, &monitor_}) {
        if (polled->socket == nullptr) continue;
        fds_.push_back(polled->socket->get(zmq::sockopt::fd));
        hot_of_.push_back(&polled->hot);
    }
}

}  // namespace cast::detail
