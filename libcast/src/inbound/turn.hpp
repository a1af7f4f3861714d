// Turn: whose turn it is to walk through a node's messages: one thread's at a time. Who comes while it is taken is told
// so and does not wait. For any thread. It guards no memory of others: whoever holds it may use the node's Reader.
#pragma once
#include <atomic>
#include <thread>

namespace cast::detail {

class Turn {
public:
    /// False: it is taken, perhaps by this very thread.
    bool take() noexcept {
        std::thread::id nobody;
        return holder_.compare_exchange_strong(nobody, std::this_thread::get_id());
    }
    void give_back() noexcept { holder_.store({}); }
    /// Its holder lets this thread have it, which has not begun yet.
    void pass_to(std::thread::id thread) noexcept { holder_.store(thread, std::memory_order_release); }
    bool ours() const noexcept { return holder_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }

private:
    std::atomic<std::thread::id> holder_{};
};

}  // namespace cast::detail
