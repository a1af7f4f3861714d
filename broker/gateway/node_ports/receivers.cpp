// Taking messages for scripts. io thread; see receivers.hpp.
#include "gateway/node_ports/receivers.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <nlohmann/json.hpp>

#include "gateway/api/messages.hpp"
#include "gateway/app.hpp"
#include "gateway/http/server.hpp"
#include "gateway/http/worker.hpp"

namespace gateway {

using cast::ErrorCode;
using nlohmann::json;

namespace {

constexpr seconds kLease{60};
constexpr std::size_t kLeases = 1000;  // each is a descriptor, and may have messages under way
constexpr std::size_t kAnswerBytes = 1 << 20;

/// Resets a flag at the end of a scope, whatever ends it.
struct Busy {
    bool& flag;
    explicit Busy(bool& f) : flag(f) { flag = true; }
    ~Busy() { flag = false; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
};

/// Calls `gone` when the peer closes the connection; nothing more after the object's end.
class Watch {
public:
    Watch(tcp::socket& socket, std::function<void()> gone)
        : gone_(std::make_shared<std::function<void()>>(std::move(gone))) {
        socket.async_wait(tcp::socket::wait_read, [&socket, weak = std::weak_ptr(gone_)](error_code ec) {
            const auto call = weak.lock();
            if (call == nullptr || ec) return;
            char byte = 0;
            const ssize_t size = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
            if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) (*call)();
        });
    }

private:
    std::shared_ptr<std::function<void()>> gone_;
};

}  // namespace

struct HeldNode::Descriptor {
    Descriptor(asio::io_context& io, int fd) : end(io, fd), woken(io) {}
    asio::posix::stream_descriptor end;
    Signal woken;
    bool armed = false, ready = false;
};

HeldNode::HeldNode(asio::io_context& io, cast::Node node)
    : node_(std::move(node)), descriptor_(std::make_shared<Descriptor>(io, node_.poll_fd())) {}

HeldNode::~HeldNode() {
    descriptor_->end.release();  // the node's own; who waits is told
}

void HeldNode::wake() {
    descriptor_->ready = true;
    descriptor_->woken.notify();
}

awaitable<void> HeldNode::wait(steady_clock::time_point until) {
    const auto d = descriptor_;
    if (!d->armed && d->end.is_open()) {
        d->armed = true;
        d->end.async_wait(asio::posix::stream_descriptor::wait_read, [d](error_code ec) {
            d->armed = false;
            d->ready = d->ready || !ec;
            d->woken.notify();
        });
    }
    if (!d->ready) co_await d->woken.wait(until);
    d->ready = false;
}

awaitable<std::shared_ptr<Receivers::Lease>> Receivers::lease(std::string name, bool take_over) {
    if (const auto at = leases_.find(name); at != leases_.end()) {
        if (at->second->busy)
            throw Failure(409, "name_in_use", name + ": another request receives as it",
                          "wait for its answer, or use another node");
        co_return at->second;
    }
    if (leases_.size() >= kLeases)
        throw Failure(ErrorCode::too_many, std::to_string(kLeases) + " nodes are received as here");
    auto lease = std::make_shared<Lease>();
    const Busy busy(lease->busy);
    leases_[name] = lease;  // while it attaches, others are told that it is in use
    std::exception_ptr fault;
    try {
        Client& client = app_.client;
        auto work = [&client, &name, take_over] { return client.attach(name, take_over); };
        cast::Node node = co_await on_worker(app_.workers, work);
        lease->held = std::make_shared<HeldNode>(app_.io, std::move(node));
    } catch (...) {
        fault = std::current_exception();
    }
    if (fault != nullptr) {
        leases_.erase(name);
        std::rethrow_exception(fault);
    }
    lease->until = steady_clock::now() + kLease;
    lease->hold.emplace(app_.budget, [this, name, weak = std::weak_ptr(lease)] {
        asio::post(app_.io, [this, name, weak] {  // the last answer's memory: unacknowledged, it comes again
            if (const auto held = weak.lock(); held != nullptr && !held->busy) give_back(name, held);
        });
    });
    asio::co_spawn(app_.io, expire(name, lease), asio::detached);
    app_.monitor.changed();
    co_return lease;
}

awaitable<Answer> Receivers::receive(const Request& request, tcp::socket& socket) {
    request.only({"timeout", "count", "ack", "after", "take_over"});
    const auto until = steady_clock::now() + request.duration("timeout", seconds(30), seconds(300));
    const std::uint64_t count = request.number("count", 1, 1, 1000);
    const std::uint64_t after = request.number("after", 0, 0, UINT64_MAX);
    const std::string ack = request.asked("ack").value_or("next");
    if (ack != "next" && ack != "now")
        throw Failure(400, "malformed", "?ack= is next or now", "next: the next call acknowledges");
    const std::string name = request.names.front();
    const std::shared_ptr<Lease> lease = co_await this->lease(name, request.yes("take_over"));
    const Busy busy(lease->busy);
    const std::shared_ptr<HeldNode> held = lease->held;
    lease->until = steady_clock::now() + kLease;
    if (lease->last != nullptr && request.asked("after") && after != lease->batch)
        co_return *lease->last;  // it did not get that
    if (lease->last != nullptr) held->node().ack();
    lease->last.reset();
    lease->hold->release();

    bool gone = false;
    const Watch watch(socket, [&gone, held] {
        gone = true;
        held->wake();
    });
    json messages = json::array();
    std::size_t bytes = 0;
    while (messages.size() < count && bytes < kAnswerBytes) {
        auto message = held->node().receive(milliseconds(0));
        if (message) {
            bytes += message->payload().size();
            messages.push_back(show(*message));
            continue;
        }
        if (message.code() != ErrorCode::timed_out) {  // taken over, deleted
            give_back(name, lease);
            throw Failure(cast::Error{message.code(), name});
        }
        if (!messages.empty() || gone || lease->stopped || steady_clock::now() >= until) break;
        co_await held->wait(until);
    }
    const bool any = !messages.empty();
    Answer answer = answer_json(
        {{"node_id", name}, {"batch", any ? ++lease->batch : lease->batch}, {"messages", std::move(messages)}});
    if (any && ack == "now") held->node().ack();
    lease->until = steady_clock::now() + kLease;
    if (any && ack == "next") {
        if (!lease->hold->set(answer.body->size())) {
            give_back(name, lease);
            throw no_room();
        }
        lease->last = std::make_shared<Answer>(answer);
    }
    app_.monitor.changed();
    co_return answer;
}

/// Gives the node back when no call has come for so long. One for each lease, however many calls come.
awaitable<void> Receivers::expire(std::string name, std::shared_ptr<Lease> lease) {
    error_code ec;
    asio::steady_timer timer(app_.io);
    lease->timer = &timer;
    while (!lease->stopped && lease->held != nullptr && (lease->busy || steady_clock::now() < lease->until)) {
        timer.expires_at(lease->busy ? steady_clock::now() + kLease : lease->until);
        co_await timer.async_wait(into(ec));
    }
    lease->timer = nullptr;
    if (!lease->stopped && lease->held != nullptr) give_back(name, lease);
}

void Receivers::give_back(const std::string& name, const std::shared_ptr<Lease>& lease) {
    const auto at = leases_.find(name);
    if (at != leases_.end() && at->second == lease) leases_.erase(at);
    lease->held.reset();
    lease->hold->release();
    if (lease->timer != nullptr) lease->timer->cancel();
}

awaitable<Answer> Receivers::release(const Request& request) {
    request.only({});
    const auto at = leases_.find(request.names.front());
    if (at == leases_.end())
        throw Failure(404, "no_such_node", request.names.front() + " is not received here", "GET the same path first");
    const std::shared_ptr<Lease> lease = at->second;
    if (lease->busy)
        throw Failure(409, "name_in_use", request.names.front() + ": a request receives as it", "wait for its answer");
    if (lease->last != nullptr) lease->held->node().ack();
    const bool acknowledged = lease->last != nullptr;
    give_back(request.names.front(), lease);
    app_.monitor.changed();
    co_return answer_json({{"node_id", request.names.front()}, {"acknowledged", acknowledged}});
}

void Receivers::stop() {
    for (const auto& [name, lease] : leases_) {
        lease->stopped = true;
        if (lease->timer != nullptr) lease->timer->cancel();
        if (lease->held != nullptr) lease->held->wake();
    }
    leases_.clear();
}

}  // namespace gateway
