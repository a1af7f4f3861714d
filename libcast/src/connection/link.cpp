// The link's life: opening, driving, closing. See link.hpp for the threads.
#include "src/connection/link.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/clock.hpp"
#include "base/random_id.hpp"
#include "src/connection/forking.hpp"
#include "src/connection/thread.hpp"
#include "src/session/session_time.hpp"

namespace cast::detail {
namespace {

constexpr std::int64_t kStays = 4 * kMillisecond;  // a thread that drove this recently is expected back
constexpr std::int64_t kLongWait = 100 * kMillisecond;
constexpr std::int64_t kRetryConnect = 20 * kMillisecond;
constexpr std::int64_t kRetryConnectMost = 1000 * kMillisecond;
constexpr int kFramesAPoll = 256;
constexpr std::int64_t kPartingUs = 1000 * kMillisecond;  // at the end, until the broker has our ACKs
constexpr int kLingerMs = 500;

/// A session that is ours alone, on a host whose name is as the system knows it.
Introduction introduction(const Options& options) {
    std::array<char, wire::kMaxHost + 1> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) host[0] = 0;
    return {options.agent, base::random_bytes(wire::kSecret), host.data()};
}

std::string address(const Options& options) {
    if (!options.broker.empty()) return options.broker;
    const char* env = std::getenv("CAST_BROKER");
    return env != nullptr && *env != 0 ? env : "tcp://127.0.0.1:5570";
}

}  // namespace

std::int64_t now_us() { return base::monotonic_us(); }
std::int64_t coarse_now_us() { return base::coarse_monotonic_us(); }
std::int64_t deadline_us(std::chrono::milliseconds timeout) { return deadline_after(now_us(), timeout); }

Link::Link(Options options, Dialer dialer)
    : options_(std::move(options)), session_(base::random_id(), introduction(options_)), dialer_(std::move(dialer)) {
    wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    remember_at_fork(*this);
}

Link::~Link() {
    forget_at_fork(*this);
    ::close(wake_fd_);
}

/// Without descriptors there is no connection; that is told here, for libzmq says it by exceptions, or by abort().
Result<std::shared_ptr<Link>> Link::make(Options options) {
    auto dialer = Dialer::parse(address(options));
    if (!dialer) return dialer.error();
    try {
        std::shared_ptr<Link> link(new Link(std::move(options), std::move(*dialer)));
        if (link->wake_fd_ >= 0) return link;
    } catch (const std::bad_alloc&) {
        throw;  // as result.hpp says
    } catch (const std::exception& error) {
        return Error{ErrorCode::too_many, std::string("no connection can be made: ") + error.what()};
    }
    return Error{ErrorCode::too_many, std::string("no connection can be made: ") + std::strerror(errno)};
}

Result<std::shared_ptr<Link>> Link::open(Options options, bool wait_for_welcome) {
    auto made = make(std::move(options));
    if (!made) return made.error();
    const std::shared_ptr<Link> inner = std::move(*made);
    Lock lock(inner->mutex_);
    const std::int64_t until = deadline_us(inner->options_.connect_timeout);
    inner->try_connect();
    inner->carry_out(lock);
    auto thread = start_thread([inner] { inner->run(); });
    if (!thread) return thread.error();
    inner->thread_ = std::move(*thread);
    // The own thread keeps the inner object; the program's copies keep this handle, which shuts it.
    std::shared_ptr<Link> handle(inner.get(), [inner](Link* link) { link->shut(); });
    if (!wait_for_welcome) return handle;
    inner->wait(lock, until, [&] { return inner->session_.online() || inner->turned_away(); });
    if (inner->session_.online()) return handle;
    Error error = inner->unreachable();
    lock.unlock();  // before the handle goes
    return error;
}

void Link::shut() {
    Lock lock(mutex_);
    if (forked_) {
        if (thread_.joinable()) thread_.detach();
        return;
    }
    if (session_.online() && !session_.outbound().settled(session_.outbound().added())) {
        session_.outbound().push(out_);
        carry_out(lock);
        const auto longest = std::min(options_.send_timeout, std::chrono::milliseconds(5000));
        wait(lock, deadline_us(longest), [&] { return session_.outbound().settled(session_.outbound().added()); });
    }
    if (!stop_) {
        session_.part(now_us(), out_);
        carry_out(lock);
        wait(lock, now_us() + kPartingUs, [&] { return session_.said_bye(); });
    }
    stop(lock);
    std::thread thread = std::move(thread_);
    lock.unlock();
    if (thread.get_id() == std::this_thread::get_id())
        thread.detach();  // the last copy went away within a callback of ours
    else if (thread.joinable())
        thread.join();
}

void Link::stop(Lock& lock) {
    if (stop_) return;
    session_.end(now_us(), out_);
    carry_out(lock);
    sends_.end(ErrorCode::closed, options_.on_outcome ? pending_callbacks_.outcomes : queue_.outcomes());
    queue_.end();
    stop_ = true;
    signal();
    idle_.notify_all();
    changed_.notify_all();
}

void Link::close(Lock& lock) {
    if (!stop_) out_.notices.push_back({Notice::Kind::closed, {}, 0, "the program has closed the connection"});
    stop(lock);
}

void Link::run() {
    Lock lock(mutex_);
    while (!stop_) {
        if (pending_callbacks_.any()) {
            tell(lock);
        } else if (driving_ || waiting_ > 0 || now_us() - driven_us_ < kStays) {
            // Who stops waiting mostly comes back at once: to be woken each time would cost more than a look now and
            // then.
            own_sleeps_ = driving_ && now_us() - driven_us_ > kLongWait;
            idle_.wait_for(lock, std::chrono::microseconds(own_sleeps_ ? 10 * kLongWait : kStays));
            own_sleeps_ = false;
        } else {
            drive(lock, kForever, true);
        }
    }
    tell(lock);
    transport_.disconnect(kLingerMs);
}

void Link::tell(Lock& lock) {
    const PendingCallbacks now = std::exchange(pending_callbacks_, {});
    telling_ = true;
    lock.unlock();
    now.tell(options_);
    lock.lock();
    telling_ = false;
    wake(lock);  // who waits for this may be polling the sockets
}

void Link::drive(Lock& lock, std::int64_t until_us, bool own_thread) {
    driving_ = true;
    own_driving_ = own_thread;
    if (!process()) {
        std::array<pollfd, 6> fds{};
        nfds_t count = 0;
        fds[count++] = {wake_fd_, POLLIN, 0};
        for (int fd : transport_.descriptors()) fds[count++] = {fd, POLLIN, 0};
        const nfds_t sockets_end = count;
        const bool dials = !transport_.connected() && dialer_.resolving() && clock_us_ >= retry_us_;
        if (dials) fds[count++] = {dialer_.descriptor(), POLLIN, 0};
        if (publisher_) fds[count++] = {publisher_->descriptor(), POLLIN, 0};
        const std::uint64_t sockets = transport_.generation();
        const std::int64_t deadline = std::min({until_us, next_us_, next_try_us()});
        const std::int64_t wait_us = std::clamp<std::int64_t>(deadline - now_us(), 0, 60 * 1000 * kMillisecond);
        const timespec wait{wait_us / 1000000, wait_us % 1000000 * 1000};
        polling_ = true;
        lock.unlock();
        ppoll(fds.data(), count, &wait, nullptr);
        lock.lock();
        polling_ = false;
        // Another thread may have lost the connection meanwhile; new sockets begin hot.
        for (nfds_t i = 1; i < sockets_end && sockets == transport_.generation(); ++i)
            if ((fds[i].revents & POLLIN) != 0) transport_.readable(i - 1);
        if (signalled_ || (fds[0].revents & POLLIN) != 0) {
            std::uint64_t drained = 0;
            (void)!read(wake_fd_, &drained, sizeof drained);
            signalled_ = false;
        }
        process();
    }
    driving_ = own_driving_ = false;
    if (!own_thread) driven_us_ = clock_us_;
    if (waiting_ > (own_thread ? 0 : 1)) changed_.notify_all();
}

bool Link::process() {
    clock_us_ = now_us();
    if (stop_) return false;
    if (!transport_.connected() && clock_us_ >= retry_us_) try_connect();
    // Asked first: what came before the end is there to be read by now, and is read before the connection is given up.
    const bool lost = transport_.lost();
    bool any = false;
    wire::Slice frame;
    int left = kFramesAPoll;
    while (left > 0 && transport_.receive(frame)) {
        session_.frame(frame, clock_us_, out_);
        --left;
    }
    std::uint64_t stream = 0;
    int published = kFramesAPoll;
    if (session_.online() && !was_online_) {
        was_online_ = true;
        retry_wait_us_ = 0;
        dialer_.reached();
        subscribe();
    }
    if (publisher_) subscribe();
    while (published > 0 && transport_.receive_published(stream, frame)) {
        session_.published(frame, clock_us_, out_);
        --published;
    }
    any = left < kFramesAPoll || published < kFramesAPoll;
    more_ = left == 0 || published == 0;
    if (lost && left > 0) out_.reconnect = true;
    next_us_ = session_.tick(clock_us_, out_);
    next_us_ = std::min(next_us_, sends_.tick(clock_us_, session_.overdue(), session_.outbound()));
    if (more_) next_us_ = 0;
    flush_out();
    return any || transport_.hot();
}

void Link::try_connect() {
    was_online_ = false;
    const auto end = dialer_.next(now_us());
    if (!end && dialer_.resolving()) return;
    if (!end || !transport_.connect(*end)) return await_retry(false);
    dialled_ = *end;
    session_.handshake().patience(dialer_.patience_us());
    session_.connected(now_us(), out_);
}

/// When try_connect() is due, but for a look-up that ends before.
std::int64_t Link::next_try_us() const {
    if (transport_.connected()) return kForever;
    return dialer_.resolving() ? std::max(retry_us_, dialer_.due_us()) : retry_us_;
}

void Link::await_retry(bool at_once) {
    const bool round = !dialer_.more();  // else another number of the same name, or another address, is next
    if (round) retry_wait_us_ = retry_wait_us_ == 0 ? kRetryConnect : std::min(retry_wait_us_ * 2, kRetryConnectMost);
    retry_us_ = now_us() + (at_once ? 0 : round ? retry_wait_us_ : kRetryConnect);
}

void Link::lost() {
    session_.disconnected(out_);
    transport_.disconnect(0);
    publisher_.reset();
    was_online_ = false;
    await_retry(dialer_.at_once(std::exchange(out_.redial, false), session_.handshake().take_leader()));
}

/// At the PUB end that this WELCOME named, once its name is a number. FETCH brings what comes meanwhile.
void Link::subscribe() {
    if (!publisher_) {
        const std::string end = publish_endpoint(session_.publish_endpoints(), dialled_);
        auto address = Address::parse(end);
        if (!address) return transport_.publish_endpoint({});
        if (address->host == dialer_.address().host) address->host = Address::parse(dialled_)->host;
        publisher_.emplace(std::vector<Address>{std::move(*address)});
    }
    const auto end = publisher_->next(clock_us_);
    if (!end && publisher_->resolving()) return;
    transport_.publish_endpoint(end.value_or(std::string()));
    publisher_.reset();
}

Error Link::unreachable() const {
    if (session_.handshake().rejected() != ErrorCode::ok) return {session_.handshake().rejected(), url()};
    std::string why = dialer_.trouble().empty() ? transport_.trouble() : dialer_.trouble();
    if (why.empty()) why = session_.handshake().trouble();
    return {ErrorCode::unreachable, url() + (why.empty() ? "" : ": ") + why};
}

void Link::flush_out() {
    bool sent = false;
    for (const wire::Slice& frame : out_.frames) {
        if (!transport_.send(frame)) out_.reconnect = transport_.connected();
        sent = true;
    }
    out_.frames.clear();
    for (const auto& [stream, wanted] : out_.subscriptions)
        wanted ? transport_.subscribe(stream) : transport_.unsubscribe(stream);
    sent = sent || !out_.subscriptions.empty();
    out_.subscriptions.clear();
    if (out_.renew_subscriptions) transport_.renew();
    out_.renew_subscriptions = false;
    if (out_.reconnect) {
        out_.reconnect = false;
        lost();
        sent = true;
    }
    if (options_.queue_notices && !out_.notices.empty()) queue_.keep(out_.notices);
    sends_.collect(session_.outbound(), options_.on_outcome ? pending_callbacks_.outcomes : queue_.outcomes());
    if (pending_callbacks_.take(out_, options_)) {
        idle_.notify_one();
        if (own_driving_) signal();
    }
    queue_.show();
    watched_.show();
    // A send may have taken in what the driving thread's descriptor would have shown it.
    if (sent && transport_.stir() && polling_) signal();
}

void Link::carry_out(Lock&) { flush_out(); }

void Link::check(Lock&) {
    if (driving_) return;
    driving_ = true;
    process();
    driving_ = false;
}

void Link::signal() {
    if (signalled_ || forked_) return;
    signalled_ = true;
    const std::uint64_t one = 1;
    (void)!write(wake_fd_, &one, sizeof one);
}

void Link::wake(Lock&) {
    signal();
    changed_.notify_all();
}

}  // namespace cast::detail
