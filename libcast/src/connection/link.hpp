// Link: a connection as its nodes share it: the session's logic, the sockets, one lock, one thread.
//
// Whoever waits drives: a thread that waits for something (a message, a receipt, an answer) polls the sockets
// itself, so that what comes takes no hop between threads. The link's own thread drives while nobody waits, and
// leaves a program that comes back within a few milliseconds in charge. All public functions may be called from
// any thread; those that take a Lock need it held. Most plain messages of a burst go without the lock
// (plain_batch.hpp).
#pragma once
#include <algorithm>
#include <atomic>
#include <cast/message.hpp>
#include <cast/options.hpp>
#include <cast/result.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "src/connection/connection_queue.hpp"
#include "src/connection/pending_callbacks.hpp"
#include "src/connection/transport.hpp"
#include "src/connection/watched_inboxes.hpp"
#include "src/outbound/pending_sends.hpp"
#include "src/session/dialer.hpp"
#include "src/session/session.hpp"

namespace cast::detail {

using Lock = std::unique_lock<std::mutex>;

/// Microseconds of the monotonic clock.
std::int64_t now_us();
/// The same, up to 4 ms old and cheaper.
std::int64_t coarse_now_us();
/// A deadline so far from now; kForever for what is too long to count.
std::int64_t deadline_us(std::chrono::milliseconds timeout);

class Link {
public:
    /// Connects; waits for the welcome at most Options::connect_timeout, unless the caller has something to say that
    /// can go out with the greeting and waits itself. The link closes with the last copy.
    static Result<std::shared_ptr<Link>> open(Options options, bool wait_for_welcome = true);
    ~Link();

    Lock lock() { return Lock(mutex_); }
    Session& session(const Lock&) { return session_; }
    ClientOutbox& outbox(const Lock&) { return out_; }
    PendingSends& sends(const Lock&) { return sends_; }
    ConnectionQueue& queue(const Lock&) { return queue_; }
    Turn& receiving() { return queue_.turn(); }  ///< of Connection::receive_some; without the lock
    const Options& options() const { return options_; }
    const std::string& url() const { return dialer_.urls(); }
    /// That the broker was not reached, and why.
    Error unreachable() const;
    /// The broker, the only one that is known, does not take us.
    bool turned_away() const { return !dialer_.several() && session_.handshake().rejected() != ErrorCode::ok; }
    /// The time without a look at the precise clock: up to 4 ms old, but not older than the last look at the sockets.
    std::int64_t recent_us(const Lock&) const { return std::max(clock_us_, coarse_now_us()); }

    /// Carries out what the session wants. After every change to the session.
    void carry_out(Lock& lock);
    /// Waits until `done()` (called with the lock held), driving meanwhile. False: the deadline came first.
    template <class Done>
    bool wait(Lock& lock, std::int64_t until_us, Done&& done);
    /// Looks once at the sockets, without waiting, if nobody else does.
    void check(Lock& lock);
    WatchedInboxes& watched(const Lock&) { return watched_; }
    /// Wakes everybody who waits, to look again.
    void wake(Lock& lock);

    /// Adds one record for sending; waits for room as Options::when_full says.
    Result<void> send(const OutgoingRecord& record);
    /// The same for a plain text.
    Result<void> send_plain(wire::Cast cast, const Attachment& from, std::string_view target,
                            std::string_view payload) {
        const bool may = payload.size() <= session_.max_message();
        if (may && session_.outbound().plain().add(cast, from.inbox.name, target, payload)) return {};
        return send_plain_slowly(cast, from, target, payload);
    }
    /// Waits until the first `added` records are settled; tells the first refusal.
    Result<void> settle(Lock& lock, std::uint64_t added, std::int64_t until_us);
    /// A management call and its answer.
    Result<std::string> call(std::string json, std::int64_t until_us);
    /// The link's hidden node, attached when it is first needed; its name.
    Result<std::string> reply_node(std::int64_t until_us);
    /// An answer of this correlation will be awaited: to be said before the request leaves.
    void expect_reply(const std::string& correlation);
    void forget_reply(const std::string& correlation);
    /// The expected answer, or the refusal of the watched request itself.
    Result<Message> await_reply(const std::string& correlation, std::uint64_t token, const std::string& name,
                                std::int64_t until_us);
    /// Any number of answers of this correlation will come: they are kept until they are taken, the oldest of very many
    /// go.
    void expect_reports(const std::string& correlation);
    void forget_reports(const std::string& correlation);
    /// Those that have come; `name` is the hidden node.
    std::deque<Message> take_reports(Lock& lock, const std::string& correlation, const std::string& name);
    /// The next message of $events; the hidden node must have joined it.
    Result<Message> next_event(std::int64_t until_us);
    bool stopping() const { return stop_; }
    /// What every call says once we are stopping.
    Error closed() const {
        return {ErrorCode::closed, "the connection to " + url() + (forked_ ? " is the parent process's" : "")};
    }
    /// This is a copy in the child of a fork().
    bool forked() const { return forked_; }
    void before_fork();
    void after_fork(bool child);
    /// Says BYE; who waits is told `closed`, and so is every later call.
    void stop(Lock& lock);
    /// The same on the program's word: on_notice hears of it, too.
    void close(Lock& lock);

private:
    Link(Options options, Dialer dialer);
    static Result<std::shared_ptr<Link>> make(Options options);
    Result<void> send_plain_slowly(wire::Cast cast, const Attachment& from, std::string_view target,
                                   std::string_view payload);
    bool has_ended(const OutgoingRecord& record) const;
    Error ended(const OutgoingRecord& record) const;
    void run();
    void shut();
    void drive(Lock& lock, std::int64_t until_us, bool own_thread);
    bool process();
    void flush_out();
    void try_connect();
    void await_retry(bool at_once);
    std::int64_t next_try_us() const;
    void subscribe();
    void lost();
    void signal();
    void tell(Lock& lock);
    void sort_replies(Lock& lock, const std::string& name);
    static constexpr std::size_t kEventsKept = 100000, kReportsKept = 10000;

    Options options_;
    std::mutex mutex_;
    std::condition_variable changed_;  // for those who wait
    std::condition_variable idle_;     // for the own thread
    Session session_;
    ClientOutbox out_;
    Transport transport_;
    Dialer dialer_;
    std::string dialled_;              // the end of this connection, or of the last one
    std::optional<Dialer> publisher_;  // while the name of the broker's PUB end is being looked up
    int wake_fd_ = -1, waiting_ = 0;
    bool driving_ = false, own_driving_ = false;
    bool own_sleeps_ = false;  // the own thread, for long: until somebody stops waiting
    bool polling_ = false;     // the driving thread is in poll, without the lock
    bool signalled_ = false;
    bool more_ = false;           // the last look left something unread
    std::int64_t driven_us_ = 0;  // when a waiting thread last drove
    std::int64_t next_us_ = 0;    // the session's next deadline
    std::int64_t retry_us_ = 0, retry_wait_us_ = 0;
    std::int64_t clock_us_ = 0;  // of the last look
    bool was_online_ = false;
    bool telling_ = false;  // the own thread is in a callback of the program
    WatchedInboxes watched_;
    PendingSends sends_;
    ConnectionQueue queue_;
    PendingCallbacks pending_callbacks_;
    std::map<std::string, std::optional<Message>> replies_;  // by correlation; those awaited
    std::map<std::string, std::deque<Message>> reports_;     // by correlation
    std::deque<Message> events_;
    std::atomic<bool> stop_{false}, forked_{false};
    std::thread thread_;
};

template <class Done>
bool Link::wait(Lock& lock, std::int64_t until_us, Done&& done) {
    ++waiting_;
    bool reached = done();
    while (!reached && !stop_ && now_us() < until_us) {
        if (!driving_) {
            drive(lock, until_us, false);
        } else {
            if (own_driving_) signal();  // it makes way
            const auto most = std::chrono::microseconds(std::min<std::int64_t>(until_us - now_us(), 1000000));
            changed_.wait_for(lock, most);
        }
        reached = done();
    }
    --waiting_;
    if (!driving_ && waiting_ > 0) changed_.notify_one();
    if (waiting_ == 0 && own_sleeps_) idle_.notify_one();
    return reached;
}

}  // namespace cast::detail
