// Collected<T>: messages that a library's own threads deliver by callback, collected for the thread that receives.
// Both sides lock; the receiver takes everything at once.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace rig {

template <class T>
class Collected {
public:
    void put(T message) {
        const std::lock_guard lock(mutex_);
        messages_.push_back(std::move(message));
        if (messages_.size() == 1) arrived_.notify_one();
    }
    /// What is there, waiting at most 100 ms for a first one.
    std::deque<T> take() {
        std::deque<T> taken;
        std::unique_lock lock(mutex_);
        arrived_.wait_for(lock, std::chrono::milliseconds(100), [&] { return !messages_.empty(); });
        taken.swap(messages_);
        return taken;
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<T> messages_;
};

}  // namespace rig
