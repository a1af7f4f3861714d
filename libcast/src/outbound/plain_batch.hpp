// PlainBatch: the end of the open batch, while plain records may be written on there without the link's lock. A lock
// and its release are two locked instructions and two calls, a fifth of what such a record costs its sender; this gate
// is one instruction. Who opens and closes it holds the link's lock; add() is for any thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <string_view>

#include "wire/batch.hpp"
#include "wire/bytes.hpp"
#include "wire/record.hpp"

namespace cast::detail {

class PlainBatch {
public:
    /// What was written since open(); nothing when it is not open.
    struct Written {
        const char* end = nullptr;
        std::size_t bytes = 0;
        std::uint32_t count = 0;
    };

    /// Writes a plain text behind the others. False: it does not belong there, there is no room, nothing is open, or
    /// somebody is at it just now; then the long way has it. Any thread; never waits.
    [[gnu::always_inline]] bool add(wire::Cast cast, std::string_view sender, std::string_view target,
                                    std::string_view payload) noexcept {
        if (busy_.exchange(true, std::memory_order_acquire)) return false;
        const bool fits = write(cast, sender, target, payload);
        busy_.store(false, std::memory_order_release);
        return fits;
    }
    /// The same, but waits for who is at it: a few nanoseconds, unless the system has put that thread aside.
    bool add_in_turn(wire::Cast cast, std::string_view sender, std::string_view target,
                     std::string_view payload) noexcept;

    // --- Under the link's lock. ------------------------------------------------------------------------------
    /// Records of this cast, sender and target may be written from `at` up to `end`. The names and the bytes must stay
    /// until close().
    void open(wire::Cast cast, std::string_view sender, std::string_view target, char* at, const char* end) noexcept;
    bool is_open() const noexcept { return open_; }
    Written close() noexcept;
    Written written() const noexcept { return open_ ? written_so_far() : Written(); }

private:
    [[gnu::always_inline]] bool write(wire::Cast cast, std::string_view sender, std::string_view target,
                                      std::string_view payload) noexcept {
        if (static_cast<std::size_t>(end_ - at_) < payload.size() + wire::kPlainOverhead) return false;
        if (cast_ != cast || !wire::same_bytes(target_, target) || !wire::same_bytes(sender_, sender)) return false;
        at_ = wire::write_plain_record(at_, payload);
        ++count_;
        return true;
    }
    Written written_so_far() const noexcept;
    void enter() const noexcept {
        if (busy_.exchange(true, std::memory_order_acquire)) wait();
    }
    void wait() const noexcept;  // until it is ours

    bool open_ = false;                      // under the link's lock
    mutable std::atomic<bool> busy_{false};  // guards the rest
    wire::Cast cast_ = wire::Cast::unicast;
    std::uint32_t count_ = 0;
    const char* begin_ = nullptr;
    char* at_ = nullptr;  // where the next one goes
    const char* end_ = nullptr;
    std::string_view target_, sender_;
};

}  // namespace cast::detail
