// ConnectionQueue: what a connection has for its program in one place, and the descriptor that shows it: nodes with
// messages, outcomes of asynchronous sends, notices. Under the link's lock. It waits for nothing itself.
#pragma once
#include <cast/options.hpp>
#include <cast/outcome.hpp>
#include <cstddef>
#include <deque>
#include <vector>

#include "src/inbound/ready_queue.hpp"
#include "src/inbound/turn.hpp"

namespace cast::detail {

class ConnectionQueue {
public:
    ConnectionQueue() = default;
    ConnectionQueue(const ConnectionQueue&) = delete;
    ConnectionQueue& operator=(const ConnectionQueue&) = delete;
    ~ConnectionQueue();

    ReadyQueue& ready() { return ready_; }
    std::deque<Outcome>& outcomes() { return outcomes_; }
    void keep(const std::vector<Notice>& notices);
    std::vector<Outcome> take_outcomes(std::size_t most);
    std::vector<Notice> take_notices();
    Turn& turn() { return turn_; }  ///< of who hands messages out; any thread

    bool any() const { return !ready_.empty() || !outcomes_.empty() || !notices_.empty(); }
    /// The descriptor, made when it is first asked for; -1 when there is none left.
    int descriptor();
    /// Readable exactly while there is anything, or for good once the connection has ended. After each change.
    void show() {
        if (fd_ >= 0 && shown_ != (ended_ || any())) change();
    }
    void end() {
        ended_ = true;
        show();
    }

private:
    void change();

    ReadyQueue ready_;
    std::deque<Outcome> outcomes_;
    std::deque<Notice> notices_;
    Turn turn_;
    int fd_ = -1;
    bool shown_ = false;
    bool ended_ = false;
};

}  // namespace cast::detail
