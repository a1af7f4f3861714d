// DiskStore: promises in a SQLite database in a directory of its own. Two threads beside the broker's: one writes
// transactions, one reads chunks, each with its own database handle, so that a read never waits for a slow disk sync.
// The interface is the broker's thread's; what passes between the threads lies under one mutex.
//
// A transaction that fails is written anew, whole, by the same handle, until it succeeds: nothing of it is read back.
// When the log cannot be brought into the file, all handles are closed and the database is opened anew, so that the
// whole log is brought there again: a sync that failed once proves nothing when it succeeds the next time.
//
// A transaction counts only once the names of the files were seen to lead to them after it; each second that is looked
// at, too. A log or an index whose name is gone is made anew, after the log was brought into the file.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/spin.hpp"
#include "core/store.hpp"
#include "store/directory.hpp"
#include "store/open_files.hpp"
#include "store/reserve.hpp"
#include "store/tables.hpp"

namespace broker {

enum class Durability { fsync, os };

class DiskStore final : public Store {
public:
    /// Makes the directory, locks it and opens the database. Throws std::runtime_error with a sentence for the operator
    /// when any of that cannot be done.
    DiskStore(const std::string& directory, Durability durability);
    ~DiskStore() override;

    void open(const NewStore& fresh) override;
    const Identity& identity() const { return identity_; }
    Recovered recover() override;
    bool close() override;
    bool lost() const override { return lost_; }
    bool idle() const override { return !busy_.load(std::memory_order_acquire); }
    void begin(Transaction&& transaction) override;
    Turn committed() const override { return committed_.load(std::memory_order_acquire); }
    void load(const Load& load) override;
    bool loaded(Loaded& loaded) override;
    int descriptor() const override { return event_fd_; }
    bool healthy() const override { return healthy_.load(std::memory_order_acquire); }
    bool lets_go() const override { return lets_go_.load(std::memory_order_acquire); }
    std::string trouble() const override;
    std::uint64_t failures() const override { return failures_.load(std::memory_order_relaxed); }
    std::int64_t busy_ms() const override;
    void incomplete() override { incomplete_ = true; }
    const char* name() const override { return "sqlite"; }
    /// The writer may look again for a moment before it sleeps (core/spin.hpp).
    void may_spin(bool may) { may_spin_.store(may, std::memory_order_relaxed); }

private:
    static constexpr auto kCheckEvery = std::chrono::seconds(1);

    [[noreturn]] void cannot_start(const SqliteError& error) const;
    void open_files();
    void open_database();
    template <typename Act>
    void with_reserve(Act&& act);
    void write_all();
    void await_transaction(std::unique_lock<std::mutex>& guard);
    bool try_write();
    void make_room();
    void shrink_log();
    void insist_on_names();
    void check_names();
    void open_anew();
    void reopen();
    void recovered();
    void check_room();
    void failed(const std::string& why);
    void read_all_loads();
    void answer(const Load& load, std::unique_ptr<Database>& database, std::unique_ptr<ChunkReader>& chunks);
    void signal();
    void end_threads();

    DataDirectory directory_;
    OpenFiles files_;
    Reserve reserve_;
    const Durability durability_;
    int event_fd_ = -1;
    std::unique_ptr<Database> database_;  // the writer's once it runs; none while it has to be opened anew
    std::unique_ptr<TableWriter> tables_;
    int log_frames_ = 0;       // in the log, after the last commit
    int log_again_ = 0;        // from so many on they are brought into the file, when that failed before
    bool log_stuck_ = false;   // it could not be brought into the file
    std::string log_trouble_;  // why
    bool written_ = false;     // the transaction under way is in the files, and only their names are in doubt
    bool lost_ = false;
    bool short_ = false;  // the disk was full at the start; until there is room, what only lets go is written
    std::chrono::steady_clock::time_point checked_;  // for room, last
    Identity identity_;

    mutable std::mutex mutex_;
    std::condition_variable wake_writer_, wake_reader_, reader_let_go_;
    Transaction transaction_;  // the writer's while busy
    std::deque<Load> loads_;
    std::deque<Loaded> loaded_;
    std::string trouble_;
    bool stop_ = false;
    bool let_go_ = false;   // the reader is to close its handle
    bool reading_ = false;  // it has one
    std::atomic<bool> busy_{false};
    std::atomic<std::int64_t> since_us_{0};  // the transaction under way; monotonic
    std::atomic<std::uint64_t> failures_{0};
    std::atomic<bool> healthy_{true}, lets_go_{true};
    std::atomic<Turn> committed_{0};
    std::atomic<bool> may_spin_{false};
    std::atomic<bool> handed_over_{
        false};                // the start is through: the database and what belongs to it are the writer's
    bool incomplete_ = false;  // the broker's thread
    Spin spin_;                // the writer's
    std::thread writer_, reader_;
};

/// The directory when nobody names one: $STATE_DIRECTORY (systemd), else /var/lib/cast for root, else
/// $XDG_STATE_HOME/cast or ~/.local/state/cast. Empty: there is none.
std::string default_directory();

}  // namespace broker
