// The heap's chores. Broker's thread.
#include "server/maintenance.hpp"

#include <malloc.h>

#include <system_error>

#include "wire/heap.hpp"

namespace broker {
namespace {

constexpr std::uint64_t kManyRemoved = 1000;      // nodes: to join the memory of so many takes a fraction of a ms
constexpr std::int64_t kGiveBack = 10 * kSecond;  // it takes some 10 ms for 100 MiB, and as long to get them anew

}  // namespace

std::int64_t Maintenance::after_turn(Now now, bool busy, std::uint64_t nodes_removed) {
    if (nodes_removed >= joined_ + kManyRemoved) {
        joined_ = nodes_removed;
        cast::wire::join_freed_blocks();
    }
    if (busy && give_back_us_ == 0) give_back_us_ = now.mono_us + kGiveBack;
    if (give_back_us_ == 0) return kNever;
    if (now.mono_us < give_back_us_) return give_back_us_;
    give_memory_back();
    return kNever;
}

/// All whole pages that are free, of one arena of glibc's after the other; who allocates in that of the moment waits.
/// Else each arena would stay as large as it ever was.
void Maintenance::give_memory_back() try {
    give_back_us_ = 0;
    giving_back_ = std::async(std::launch::async, [] { malloc_trim(0); });
} catch (const std::system_error&) {  // no thread to be had: the next time
}

}  // namespace broker
