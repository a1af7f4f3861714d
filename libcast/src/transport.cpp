// The client's ZeroMQ sockets. See transport.hpp for the thread.
#include "src/transport.hpp"

#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>

#include "wire/bytes.hpp"
#include "wire/heap.hpp"
#include "wire/limits.hpp"
#include "wire/local.hpp"

namespace cast::detail {
namespace {

constexpr std::size_t kZeroCopy = 8192;  // smaller frames are cheaper to copy than to share
// libzmq is never to reconnect. Its own word for that, -1, also throws away what has arrived and was not read when the
// connection went: BYE, the last receipts. So it may try again tomorrow; by then the socket is long gone.
constexpr int kNeverAgainMs = 24 * 3600 * 1000;

/// One context for all links of the process, made with the first and gone with the last.
std::shared_ptr<zmq::context_t> shared_context() {
    static std::mutex mutex;
    static std::weak_ptr<zmq::context_t> weak;
    const std::lock_guard lock(mutex);
    auto context = weak.lock();
    if (context == nullptr) {
        wire::keep_freed_memory();
        weak = context = std::make_shared<zmq::context_t>(1);
    }
    return context;
}

void release_owner(void*, void* hint) { delete static_cast<std::shared_ptr<const void>*>(hint); }

wire::Slice adopt(zmq::message_t&& message) {
    if (message.size() < kZeroCopy) return wire::Slice::copy({static_cast<const char*>(message.data()), message.size()});
    auto owner = std::make_shared<zmq::message_t>(std::move(message));
    const char* data = static_cast<const char*>(owner->data());
    const std::size_t size = owner->size();
    return wire::Slice(std::move(owner), data, size);
}

/// "tcp://*:5571" or "tcp://0.0.0.0:5571" with the host that was dialled.
std::string with_host(const std::string& end, const std::string& dialled) {
    for (const char* any : {"tcp://*:", "tcp://0.0.0.0:", "tcp://[::]:"}) {
        if (end.rfind(any, 0) != 0 || dialled.rfind("tcp://", 0) != 0) continue;
        return dialled.substr(0, dialled.rfind(':')) + ":" + end.substr(std::strlen(any));
    }
    return end;
}

/// libzmq notices a port that cannot be only when it connects, and keeps that to itself.
bool plausible(std::string_view url) {
    if (url.rfind("tcp://", 0) != 0) return true;
    const std::size_t colon = url.rfind(':');
    const std::string_view port = url.substr(colon + 1);
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    return error == std::errc() && end == port.data() + port.size() && number >= 1 && number <= 65535;
}

}  // namespace

Transport::Transport() : context_(shared_context()) {}

Transport::~Transport() { disconnect(0); }

bool Transport::connect(const std::string& url) {
    static std::atomic<std::uint64_t> count{0};
    disconnect(0);
    if (!plausible(url)) return false;
    copy_all_ = url.rfind("inproc://", 0) == 0;
    try {
        auto dealer = std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::dealer);
        dealer->set(zmq::sockopt::linger, 0);
        dealer->set(zmq::sockopt::reconnect_ivl, kNeverAgainMs);
        dealer->set(zmq::sockopt::sndhwm, 0);  // the session's window bounds it
        dealer->set(zmq::sockopt::rcvhwm, 0);  // the readers' windows bound it
        if (wire::over_loopback(url)) dealer->set(zmq::sockopt::sndbuf, wire::kLocalSendBuffer);
        dealer->set(zmq::sockopt::tcp_keepalive, 1);
        dealer->set(zmq::sockopt::tcp_keepalive_idle, 30);
        dealer->set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(2 * wire::kHardMaxMessage));
        const std::string end = "inproc://cast-link-" + std::to_string(++count);
        const int events = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
        if (zmq_socket_monitor(dealer->handle(), end.c_str(), events) != 0) return false;
        auto monitor = std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::pair);
        monitor->set(zmq::sockopt::linger, 0);
        monitor->connect(end);
        dealer->connect(url);
        dealer_.open(std::move(dealer));
        monitor_.open(std::move(monitor));
    } catch (const zmq::error_t&) {
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
    if (frame.size() < kZeroCopy || copy_all_) {
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
    if (connected() && !dealer_.hot) dealer_.hot = (dealer_.socket->get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
    return hot();
}

void Transport::readable(std::size_t i) {
    if (i < hot_of_.size()) *hot_of_[i] = true;
}

void Transport::publish_ends(const std::vector<std::string>& ends, const std::string& dialled) {
    // The end over the same transport as the one dialled, or the first.
    publish_end_.clear();
    const std::string scheme = dialled.substr(0, dialled.find(':') + 1);
    for (const std::string& end : ends)
        if (publish_end_.empty() || (end.rfind(scheme, 0) == 0 && publish_end_.rfind(scheme, 0) != 0)) publish_end_ = end;
    publish_end_ = with_host(publish_end_, dialled);
    sub_.close();
    if (!topics_.empty()) return make_sub();  // what was read on the connection before
    collect_descriptors();
}

void Transport::make_sub() {
    if (publish_end_.empty()) return;
    try {
        auto sub = std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::sub);
        sub->set(zmq::sockopt::linger, 0);
        sub->set(zmq::sockopt::rcvhwm, 4096);
        if (wire::over_loopback(publish_end_)) sub->set(zmq::sockopt::rcvbuf, wire::kLocalPublishBuffer);
        sub->set(zmq::sockopt::tcp_keepalive, 1);
        sub->set(zmq::sockopt::tcp_keepalive_idle, 30);
        sub->set(zmq::sockopt::reconnect_ivl, 50);
        sub->connect(publish_end_);
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
