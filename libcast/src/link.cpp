// The link's life: opening, driving, closing. See link.hpp for the threads.
#include "src/link.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>

#include "src/session_time.hpp"

namespace cast::detail {
namespace {

constexpr std::int64_t kStays = 4 * kMillisecond;  // a thread that drove this recently is expected back
constexpr std::int64_t kLongWait = 100 * kMillisecond;
constexpr std::int64_t kRetryConnect = 20 * kMillisecond;
constexpr std::int64_t kRetryConnectMost = 1000 * kMillisecond;
constexpr int kFramesALook = 256;
constexpr std::int64_t kPartingUs = 1000 * kMillisecond;  // at the end, until the broker has our ACKs
constexpr int kLingerMs = 500;

std::int64_t read_clock(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return std::int64_t(t.tv_sec) * 1000000 + t.tv_nsec / 1000;
}

std::uint64_t random_id() {
    std::random_device device;
    const std::uint64_t id = (std::uint64_t(device()) << 32) | device();
    return id == 0 ? 1 : id;
}

std::string address(const Options& options) {
    if (!options.broker.empty()) return options.broker;
    const char* env = std::getenv("CAST_BROKER");
    return env != nullptr && *env != 0 ? env : "tcp://127.0.0.1:5570";
}

}  // namespace

std::int64_t now_us() { return read_clock(CLOCK_MONOTONIC); }
std::int64_t coarse_now_us() { return read_clock(CLOCK_MONOTONIC_COARSE); }
std::int64_t deadline_us(std::chrono::milliseconds timeout) {
    return deadline_after(now_us(), timeout);
}

Link::Link(Options options) : options_(std::move(options)), url_(address(options_)), session_(random_id(), options_.agent) {
    wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

Link::~Link() { close(wake_fd_); }

Result<std::shared_ptr<Link>> Link::open(Options options, bool wait_for_welcome) {
    std::shared_ptr<Link> inner(new Link(std::move(options)));
    Lock lock(inner->mutex_);
    const std::int64_t until = deadline_us(inner->options_.connect_timeout);
    inner->try_connect();
    if (!inner->bad_address_.empty()) return Error{ErrorCode::invalid_argument, inner->bad_address_};
    inner->carry_out(lock);
    sigset_t all, before;  // signals are the program's threads' to take
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    inner->thread_ = std::thread([inner] { inner->run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    // The own thread keeps the inner object; the program's copies keep this handle, which shuts it.
    std::shared_ptr<Link> handle(inner.get(), [inner](Link* link) { link->shut(); });
    if (!wait_for_welcome) return handle;
    const bool welcome = inner->wait(lock, until, [&] { return inner->session_.online() || inner->session_.rejected() != ErrorCode::ok; });
    const ErrorCode rejected = inner->session_.rejected();
    lock.unlock();
    if (welcome && rejected == ErrorCode::ok) return handle;
    return Error{welcome ? rejected : ErrorCode::unreachable, inner->url_};
}

void Link::shut() {
    Lock lock(mutex_);
    if (session_.online() && !session_.outbound().settled(session_.outbound().added())) {
        session_.outbound().push(out_);
        carry_out(lock);
        const auto longest = std::min(options_.send_timeout, std::chrono::milliseconds(5000));
        wait(lock, deadline_us(longest), [&] { return session_.outbound().settled(session_.outbound().added()); });
    }
    if (!stop_) {
        session_.part(now_us(), out_);
        carry_out(lock);
        wait(lock, now_us() + kPartingUs, [&] { return session_.parted(); });
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
    session_.bye(now_us(), out_);
    carry_out(lock);
    stop_ = true;
    signal();
    idle_.notify_all();
    changed_.notify_all();
}

void Link::run() {
    Lock lock(mutex_);
    while (!stop_) {
        if (!refusals_.empty() || !notices_.empty()) {
            tell(lock);
        } else if (driving_ || waiting_ > 0 || now_us() - driven_us_ < kStays) {
            // Who stops waiting mostly comes back at once: to be woken each time would cost more than a look now and then.
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
    std::deque<Refusal> refusals;
    std::deque<Notice> notices;
    refusals.swap(refusals_);
    notices.swap(notices_);
    telling_ = true;
    lock.unlock();
    for (const Refusal& r : refusals)
        if (options_.on_refused) options_.on_refused(r);
    for (const Notice& n : notices)
        if (options_.on_notice) options_.on_notice(n);
    lock.lock();
    telling_ = false;
    wake(lock);  // who waits for this may be polling the sockets
}

void Link::drive(Lock& lock, std::int64_t until_us, bool own_thread) {
    driving_ = true;
    own_driving_ = own_thread;
    if (!process()) {
        std::array<pollfd, 4> fds{};
        nfds_t count = 0;
        fds[count++] = {wake_fd_, POLLIN, 0};
        for (int fd : transport_.descriptors()) fds[count++] = {fd, POLLIN, 0};
        const std::uint64_t sockets = transport_.generation();
        const std::int64_t deadline = std::min({until_us, next_us_, transport_.connected() ? kForever : retry_us_});
        const std::int64_t wait_us = std::clamp<std::int64_t>(deadline - now_us(), 0, 60 * 1000 * kMillisecond);
        const timespec wait{wait_us / 1000000, wait_us % 1000000 * 1000};
        polling_ = true;
        lock.unlock();
        ppoll(fds.data(), count, &wait, nullptr);
        lock.lock();
        polling_ = false;
        // Another thread may have lost the connection meanwhile; new sockets begin hot.
        for (nfds_t i = 1; i < count && sockets == transport_.generation(); ++i)
            if ((fds[i].revents & POLLIN) != 0) transport_.readable(i - 1);
        if (signalled_) {
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
    if (!transport_.connected() && !stop_ && clock_us_ >= retry_us_) try_connect();
    // Asked first: what came before the end is there to be read by now, and is read before the connection is given up.
    const bool lost = transport_.lost();
    bool any = false;
    wire::Slice frame;
    int left = kFramesALook;
    while (left > 0 && transport_.receive(frame)) {
        session_.frame(frame, clock_us_, out_);
        --left;
    }
    std::uint64_t stream = 0;
    int published = kFramesALook;
    if (session_.online() && !was_online_) {
        was_online_ = true;
        retry_wait_us_ = 0;
        transport_.publish_ends(session_.publish_ends(), url_);
    }
    while (published > 0 && transport_.receive_published(stream, frame)) {
        session_.published(frame, clock_us_, out_);
        --published;
    }
    any = left < kFramesALook || published < kFramesALook;
    more_ = left == 0 || published == 0;
    if (lost && left > 0) out_.reconnect = true;
    next_us_ = session_.tick(clock_us_, out_);
    if (more_) next_us_ = 0;
    flush_out();
    return any || transport_.hot();
}

void Link::try_connect() {
    was_online_ = false;
    if (!transport_.connect(url_)) {
        bad_address_ = "not an address to connect to: " + url_;
        retry_us_ = now_us() + kRetryConnectMost;
        return;
    }
    session_.connected(now_us(), out_);
}

void Link::lost() {
    session_.disconnected(out_);
    transport_.disconnect(0);
    was_online_ = false;
    retry_wait_us_ = retry_wait_us_ == 0 ? kRetryConnect : std::min(retry_wait_us_ * 2, kRetryConnectMost);
    retry_us_ = now_us() + retry_wait_us_;
}

void Link::flush_out() {
    bool sent = false;
    for (const wire::Slice& frame : out_.frames) {
        if (!transport_.send(frame)) out_.reconnect = transport_.connected();
        sent = true;
    }
    out_.frames.clear();
    for (const auto& [stream, wanted] : out_.subscriptions) wanted ? transport_.subscribe(stream) : transport_.unsubscribe(stream);
    sent = sent || !out_.subscriptions.empty();
    out_.subscriptions.clear();
    if (out_.renew_subscriptions) transport_.renew();
    out_.renew_subscriptions = false;
    if (out_.reconnect) {
        out_.reconnect = false;
        lost();
        sent = true;
    }
    if (!out_.refusals.empty() || !out_.notices.empty()) {
        if (options_.on_refused) refusals_.insert(refusals_.end(), out_.refusals.begin(), out_.refusals.end());
        if (options_.on_notice) notices_.insert(notices_.end(), out_.notices.begin(), out_.notices.end());
        out_.refusals.clear();
        out_.notices.clear();
        if (!refusals_.empty() || !notices_.empty()) {
            idle_.notify_one();
            if (own_driving_) signal();
        }
    }
    if (!watches_.empty()) raise_watches();
    // A send may have taken in what the driving thread's descriptor would have shown it.
    if (sent && transport_.stir() && polling_) signal();
}

void Link::carry_out(Lock&) { flush_out(); }

void Link::look(Lock&) {
    if (driving_) return;
    driving_ = true;
    process();
    driving_ = false;
}

void Link::signal() {
    if (signalled_) return;
    signalled_ = true;
    const std::uint64_t one = 1;
    (void)!write(wake_fd_, &one, sizeof one);
}

void Link::wake(Lock&) {
    signal();
    changed_.notify_all();
}

void Link::watch(Inbox* inbox, int fd, Lock&) {
    if (fd < 0)
        watches_.erase(inbox);
    else
        watches_[inbox] = fd;
    raise_watches();
}

void Link::raise_watches() {
    for (const auto& [inbox, fd] : watches_) {
        if (!inbox->notify) continue;  // nothing came since: its descriptor stands as its reader left it
        inbox->notify = false;
        const std::uint64_t one = 1;
        (void)!write(fd, &one, sizeof one);
    }
}

}  // namespace cast::detail
