// Monitor: what the broker says of itself, asked at most once a second however many look: the status and statistics of
// the API, points for charts, the last presence events. io thread; it asks on worker threads.
#pragma once
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "gateway/net.hpp"

namespace gateway {

struct App;
using Text = std::shared_ptr<const std::string>;

class Monitor {
public:
    explicit Monitor(App& app);

    /// Asks once a second while somebody looks, else every ten seconds; tells the hub. Until the app stops.
    awaitable<void> run();

    /// The body of /api/status and the broker's stats object; not older than a second, nor than the last change.
    /// They throw a Failure when the broker does not answer.
    awaitable<Text> status();
    awaitable<Text> stats();
    awaitable<nlohmann::json> stats_json();
    /// Something was changed through the API: what is known is old now.
    void changed() { ++change_; }

    nlohmann::json points(std::size_t seconds) const;
    nlohmann::json events(std::size_t count) const;
    void event(nlohmann::json event);

private:
    struct Known {
        Text status, stats;
        nlohmann::json stats_json;
        std::uint64_t change = 0;
        steady_clock::time_point at;
    };
    awaitable<void> refresh();
    awaitable<void> ask();
    void point(const nlohmann::json& stats, const nlohmann::json& status);

    App& app_;
    Known known_;
    std::string failure_code_, failure_text_;
    bool asking_ = false;
    std::uint64_t change_ = 1;
    std::uint64_t asked_ = 0;
    Signal answered_;
    steady_clock::time_point viewed_{};  ///< when somebody last did
    nlohmann::json before_;              ///< the counts of the last point
    std::deque<nlohmann::json> points_;
    std::deque<nlohmann::json> events_;
};

}  // namespace gateway
