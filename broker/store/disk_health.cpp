// What DiskStore looks after each second and around each transaction: the names of its files, and room. The writer's
// thread.
#include <chrono>
#include <exception>

#include "store/disk.hpp"

namespace broker {

/// Throws StoreGone when what is stored would not be found by its names. What can be made anew is.
void DiskStore::insist_on_names() {
    const OpenFiles::Names names = files_.names();
    if (names == OpenFiles::Names::right) return;
    failures_.fetch_add(1, std::memory_order_relaxed);
    if (names == OpenFiles::Names::no_log && !database_->checkpoint())
        throw StoreGone(directory_.log() +
                        " is gone, and what was in it cannot be brought into the file while it is read");
    tables_.reset();
    database_.reset();
    reopen();
}

/// While there is nothing to write.
void DiskStore::check_names() try {
    if (database_ == nullptr) return;  // the next transaction opens it
    insist_on_names();
    if (short_) check_room();
    if (healthy() || (short_ && lets_go())) return;
    recovered();
    signal();
} catch (const std::exception& error) {
    const bool warning = !healthy() && trouble() == error.what();
    healthy_.store(false, std::memory_order_release);
    lets_go_.store(false, std::memory_order_release);
    if (!warning) failed(error.what());
}

/// The reserve can be made again, or the database has as much that is free in itself: no longer full.
void DiskStore::check_room() try {
    const auto now = std::chrono::steady_clock::now();
    if (now - checked_ < kCheckEvery) return;
    checked_ = now;
    const auto free =
        static_cast<std::size_t>(database_->number("PRAGMA freelist_count") * database_->number("PRAGMA page_size"));
    const bool made = reserve_.make();
    if (!made && (log_stuck_ || free < Reserve::kBytes)) return;
    if (log_stuck_ && !database_->checkpoint()) return;
    log_stuck_ = short_ = false;
    recovered();
    signal();
} catch (const SqliteError&) {  // still full
}

}  // namespace broker
