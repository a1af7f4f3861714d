// Heap: keeps freed memory with the process, so that batches which come and go do not cost a page fault per 4 KiB.
// glibc gives memory above 128 KiB back to the system at once; under load that was a third of all processor time.
#pragma once
#include <cstdlib>

namespace cast::wire {

/// Raises glibc's thresholds for giving memory back, by its own rule: they follow the largest block that was ever
/// freed. Touches no page; a program that has set its thresholds itself (mallopt, GLIBC_TUNABLES) keeps them.
/// Any thread, any number of times.
inline void keep_freed_memory() {
    // Up to twice that is then kept, by each arena (one a busy thread): four windows are under way at most times, and
    // with three times as much nothing was faster, but a broker under changing load grew for longer.
    constexpr std::size_t kBlock = 8u << 20;
    void* volatile block = std::malloc(kBlock);
    std::free(block);
}

/// Joins small blocks that were freed to larger ones. glibc does that by itself, but with all of them at the next large
/// allocation, which then takes as long as there are many: some 70 ns each. Any thread.
inline void join_freed_blocks() {
    constexpr std::size_t kLarge = 64u << 10;
    void* volatile block = std::malloc(kLarge);
    std::free(block);
}

}  // namespace cast::wire
