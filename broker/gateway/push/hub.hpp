// Hub: what is pushed to browsers on /ws: status, presence, a sampled log, statistics. Each browser has a bounded
// queue: one that is slow loses samples, then status, then events (which are counted), and never holds up anybody. io
// thread, with a thread of its own for each of the broker's two reports, because libcast's calls wait.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gateway/net.hpp"
#include "gateway/push/monitor.hpp"

namespace gateway {

struct App;

/// What a browser wants of the log; empty members let everything pass.
struct Filter {
    std::string sender, target, cast_type, message_type, text;
    bool empty() const {
        return sender.empty() && target.empty() && cast_type.empty() && message_type.empty() && text.empty();
    }
    bool passes(const nlohmann::json& message) const;
    auto operator<=>(const Filter&) const = default;  // NOLINT(modernize-use-nullptr): there is no pointer
};

/// A browser at /ws, as the hub sees it.
struct Subscriber {
    explicit Subscriber(asio::io_context& io) : wake(io) {}
    enum class Topic { status, presence, log, stats };
    std::set<Topic> topics{Topic::status, Topic::presence};
    Filter filter;
    std::deque<Text> queue;
    std::size_t queued_bytes = 0;
    std::uint64_t lost_events = 0, lost_samples = 0;
    Signal wake;  ///< the queue has something, or it is to close
    bool closing = false;
    std::function<void()> end;  ///< cuts the connection off

    bool wants(Topic topic) const { return topics.contains(topic); }
    /// False when the queue is beyond this share of its limit, and nothing was added.
    bool push(Text text, std::size_t most);
};

class Hub {
public:
    explicit Hub(App& app);

    void start();
    /// No more reports; subscribers are told to close. io thread.
    void stop();
    /// No more reports. Any thread.
    void halt();
    /// Waits for its threads, after one of these.
    void join();

    void add(std::shared_ptr<Subscriber> subscriber);
    void remove(const std::shared_ptr<Subscriber>& subscriber);
    std::size_t size() const { return subscribers_.size(); }
    /// Topics have changed: the log is taken from the broker only while somebody wants it.
    void review();

    /// Something to push, counted as long as any queue has it.
    Text text(std::string what);
    /// Ends those who are furthest behind, as long as all queues together hold too much.
    void make_room();
    std::uint64_t ended() const { return ended_; }

    void tell_status(const Text& status, const Text& stats);
    void tell_event(const nlohmann::json& event);
    void tell_reload();

private:
    void watch_events();
    void watch_samples();
    void take_samples(const nlohmann::json& samples);
    void tell_log();
    Text log_for(const Filter& filter, std::uint64_t dropped);
    awaitable<void> limit_log();

    App& app_;
    std::set<std::shared_ptr<Subscriber>> subscribers_;
    std::shared_ptr<std::size_t> alive_ = std::make_shared<std::size_t>(0);  ///< bytes of texts that somebody has
    std::uint64_t ended_ = 0;
    std::vector<nlohmann::json> samples_;  ///< since the last log message
    std::uint64_t seen_ = 0;
    bool pacing_ = false;

    std::mutex mutex_;  // of the two below
    std::condition_variable changed_;
    bool log_wanted_ = false;
    std::atomic<bool> stop_{false};
    std::thread event_thread_, sample_thread_;
};

}  // namespace gateway
