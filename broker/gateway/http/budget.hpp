// Budget: how much memory all who talk to the page's server may hold together: bodies and frames that are not complete,
// answers and queues that are not read, what is being worked at. When it is spent, who has held something for longest
// is ended: an honest request is done in moments, so that is one that hangs. io thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <utility>

namespace gateway {

class Budget {
public:
    static constexpr std::size_t kBytes = 32u << 20;
    /// Of that, what is at work and cannot be ended: all of it, and that in pieces of more than kSmall, so that a few
    /// large ones leave room for many small ones.
    static constexpr std::size_t kWork = 20u << 20, kLargeWork = 16u << 20, kSmall = 64 * 1024;

    /// What one request, connection or queue holds.
    class Hold {
    public:
        /// `end` is called when others need the room: it ends what is under way, later.
        Hold(Budget& budget, std::function<void()> end) : budget_(budget), end_(std::move(end)) {}
        ~Hold() { release(); }
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;

        /// It is to hold so many bytes. False: there is no room, or it was ended, and then it holds nothing.
        [[nodiscard]] bool set(std::size_t bytes);
        /// From now on somebody works with it, so that it cannot be ended. False: too much is at work already.
        [[nodiscard]] bool work();
        /// It holds nothing, and may begin anew.
        void release();
        bool ended() const { return ended_; }

    private:
        friend class Budget;
        Budget& budget_;
        std::function<void()> end_;
        std::size_t bytes_ = 0;
        std::list<Hold*>::iterator at_;  ///< in Budget::oldest_, while it is listed
        bool listed_ = false, working_ = false, ended_ = false;
    };

    std::size_t bytes() const { return bytes_; }
    std::uint64_t ended() const { return ended_; }

private:
    std::size_t bytes_ = 0, work_ = 0, large_work_ = 0;
    std::uint64_t ended_ = 0;
    std::list<Hold*> oldest_;  ///< those that can be ended; the first has held something for longest
};

}  // namespace gateway
