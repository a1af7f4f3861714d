// DiskStore: promises in a SQLite database in a directory of its own. Two threads beside the broker's: one writes
// transactions, one reads chunks, each with its own database handle, so that a read never waits for a slow disk sync.
// The interface is the broker's thread's; what passes between the threads lies under one mutex.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/store.hpp"
#include "store/tables.hpp"

namespace broker {


enum class Durability { fsync, os };

class DiskStore final : public Store {
public:
    /// Makes the directory, locks it, opens the database and begins an epoch. Throws std::runtime_error with a
    /// sentence for the operator when any of that cannot be done. `id`, `first_stream`: of a store that is new.
    DiskStore(const std::string& directory, Durability durability, std::uint64_t id, StreamId first_stream);
    ~DiskStore() override;

    const Identity& identity() const { return identity_; }
    /// What the start found; to be taken once, before the first transaction.
    Recovered recover();
    /// Everything is committed and the broker knows what its readers have: says so in the store.
    void close();

    bool idle() const override { return !busy_.load(std::memory_order_acquire); }
    void begin(Transaction&& transaction) override;
    Turn committed() const override { return committed_.load(std::memory_order_acquire); }
    void load(const Load& load) override;
    bool loaded(Loaded& loaded) override;
    int descriptor() const override { return event_fd_; }
    bool healthy() const override { return healthy_.load(std::memory_order_acquire); }
    std::string trouble() const override;
    const char* name() const override { return "sqlite"; }

private:
    void lock(const std::string& directory);
    void open(const std::string& path, Durability durability, std::uint64_t id, StreamId first_stream);
    void write_all();
    bool try_write(TableWriter& writer);
    void read_all_loads(const std::string& path);
    void signal();
    void end_threads();
    void close_all();

    int lock_fd_ = -1;
    int event_fd_ = -1;
    std::unique_ptr<Database> database_;
    Identity identity_;

    mutable std::mutex mutex_;
    std::condition_variable wake_writer_, wake_reader_;
    Transaction transaction_;          // the writer's while busy
    std::deque<Load> loads_;
    std::deque<Loaded> loaded_;
    std::string trouble_;
    bool stop_ = false;
    std::atomic<bool> busy_{false};
    std::atomic<bool> healthy_{true};
    std::atomic<Turn> committed_{0};
    std::thread writer_, reader_;
};

/// The directory when nobody names one: $STATE_DIRECTORY (systemd), else /var/lib/cast for root, else
/// $XDG_STATE_HOME/cast or ~/.local/state/cast. Empty: there is none.
std::string default_directory();

}  // namespace broker
