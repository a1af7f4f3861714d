// The directory, its lock, and the thread that writes.
#include "store/disk.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/clock.hpp"
#include "store/log_file.hpp"

namespace broker {
namespace {

using cast::base::monotonic_us;

using namespace std::chrono_literals;

constexpr auto kRetryFirst = 20ms, kRetryMost = 1000ms;
// A commit writes and checks whole pages, three of them for a lone message: small ones suit that, large ones a flood.
// The log is long so that a page that is written again and again is brought into the file once.
constexpr int kPage = 8192;
constexpr int kLogFrames = 6000;             // pages in the log, from which on it is brought into the file
constexpr std::size_t kLogReady = 8u << 20;  // bytes that the log has from the start; small transactions stay within it
constexpr int kLogFramesReady = 960;
constexpr std::size_t kSmall = 64u << 10;  // bytes of such a transaction

constexpr const char* kFull =
    "the disk is full: what is stored can be read, purged and deleted, and new messages are taken once there is room";

std::size_t bytes_of(const Transaction& transaction) {
    std::size_t bytes = 0;
    for (const ChunkRow& chunk : transaction.chunks) bytes += chunk.bytes;
    for (const DeadLetterRow& letter : transaction.letters) bytes += letter.frame.size();
    return bytes;
}

std::string value_of(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace

std::string default_directory() {
    const std::string state = value_of("STATE_DIRECTORY");
    if (!state.empty()) return state.substr(0, state.find(':'));
    if (geteuid() == 0) return "/var/lib/cast";
    if (const std::string xdg = value_of("XDG_STATE_HOME"); !xdg.empty()) return xdg + "/cast";
    if (const std::string home = value_of("HOME"); !home.empty()) return home + "/.local/state/cast";
    return {};
}

DiskStore::DiskStore(const std::string& directory, Durability durability)
    : directory_(directory), files_(directory_.database()), reserve_(directory), durability_(durability) {
    try {
        open_files();
    } catch (const SqliteError& error) {
        cannot_start(error);
    }
    event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    writer_ = std::thread([this] { write_all(); });
    reader_ = std::thread([this] { read_all_loads(); });
}

DiskStore::~DiskStore() {
    end_threads();
    if (event_fd_ >= 0) ::close(event_fd_);
}

void DiskStore::cannot_start(const SqliteError& error) const {
    const char* advice =
        error.corrupt() ? "; cast-broker --check-data says what is damaged, --restore brings a backup back" : "";
    throw std::runtime_error("the store " + directory_.database() + ": " + error.what() + advice);
}

void DiskStore::open_files() {
    directory_.insist_on_what_was();
    if (durability_ == Durability::fsync) directory_.settle_log();
    open_database();
    try {
        database_->checkpoint();
    } catch (const SqliteError& error) {
        if (!error.full()) throw;
        short_ = true;
        // A larger log would take the reserve and still not fit: then that is for what is written to the log from now
        // on.
        log_stuck_ = !directory_.log_fits(kLogReady + kPage) || !reserve_.give_up();
        log_trouble_ = error.what();
        if (!log_stuck_) database_->checkpoint();
    }
    identity_ = read_identity(*database_);
}

/// Once more, with the reserve given up for it, when the disk is full.
template <typename Act>
void DiskStore::with_reserve(Act&& act) try {
    act();
} catch (const SqliteError& error) {
    if (!error.full() || !reserve_.give_up()) throw;
    short_ = true;
    if (sqlite3_get_autocommit(database_->handle()) == 0) database_->run("ROLLBACK");
    act();
}

void DiskStore::open(const NewStore& fresh) try {
    insist_on_names();
    const bool clean = identity_.clean;
    with_reserve([&] { identity_ = begin_epoch(*database_, fresh.id, fresh.first_stream); });
    identity_.clean = clean;
    if (durability_ == Durability::fsync) directory_.lengthen_log(kLogReady);
    directory_.remember(identity_.store_id);
    if (!short_ && !reserve_.make()) short_ = reserve_.given_up();  // and never made again since
    if (!short_) return;
    healthy_ = false;
    const std::lock_guard lock(mutex_);
    trouble_ = kFull;
} catch (const SqliteError& error) {
    cannot_start(error);
}

void DiskStore::open_database() {
    const char* vfs = durability_ == Durability::fsync ? joining_vfs() : nullptr;
    const int make = files_.known() ? 0 : SQLITE_OPEN_CREATE;  // what is gone is not silently begun anew
    auto database = std::make_unique<Database>(directory_.database(), SQLITE_OPEN_READWRITE | make, vfs);
    database->run("PRAGMA busy_timeout = 5000");
    database->run(fmt::format("PRAGMA page_size = {}", kPage));  // of a new database
    prepare_tables(*database, directory_.database());
    check_small_tables(*database);
    database->run("PRAGMA journal_mode = WAL");
    database->run(durability_ == Durability::fsync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    database->run("PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY");
    database->run("PRAGMA secure_delete = OFF");  // Debian's SQLite writes what it deletes once more, as zeros
    // The writer empties the log itself, to see whether that works: SQLite alone would not tell.
    sqlite3_wal_hook(
        database->handle(),
        [](void* frames, sqlite3*, const char*, int count) {
            *static_cast<int*>(frames) = count;
            return SQLITE_OK;
        },
        &log_frames_);
    (void)database->number("PRAGMA user_version");  // reads, and so has SQLite open the log and its index
    files_.opened(static_cast<std::size_t>(database->number("PRAGMA page_size")));
    database_ = std::move(database);
}

Recovered DiskStore::recover() try {
    Recovered all = read_all(*database_, identity_);
    all.store_id = identity_.store_id;
    all.epoch = identity_.epoch;
    all.expiry_queue = read_expiry_queue(*database_);
    handed_over_ = true;
    return all;
} catch (const SqliteError& error) {
    cannot_start(error);
}

bool DiskStore::close() try {
    end_threads();
    if (database_ == nullptr)
        open_anew();
    else
        insist_on_names();
    tables_.reset();
    if (incomplete_ && trouble_.empty())
        trouble_ = "the disk was too slow for where readers stood last; they may get some of it again";
    if (!healthy() || incomplete_) return false;
    end_epoch(*database_);
    database_->run("PRAGMA wal_checkpoint(TRUNCATE)");
    return true;
} catch (const StoreGone& error) {
    lost_ = true;
    trouble_ = error.what();
    return false;
} catch (const SqliteError&) {
    return false;
}

void DiskStore::end_threads() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_writer_.notify_all();
    wake_reader_.notify_all();
    if (writer_.joinable()) writer_.join();
    if (reader_.joinable()) reader_.join();
}

void DiskStore::signal() {
    const std::uint64_t one = 1;
    (void)!::write(event_fd_, &one, sizeof one);
}

void DiskStore::begin(Transaction&& transaction) {
    {
        const std::lock_guard lock(mutex_);
        transaction_ = std::move(transaction);
        handed_over_ = true;
        since_us_.store(monotonic_us(), std::memory_order_relaxed);
        busy_.store(true, std::memory_order_release);
    }
    wake_writer_.notify_one();
}

void DiskStore::load(const Load& load) {
    {
        const std::lock_guard lock(mutex_);
        loads_.push_back(load);
    }
    wake_reader_.notify_one();
}

bool DiskStore::loaded(Loaded& loaded) {
    const std::lock_guard lock(mutex_);
    if (loaded_.empty()) return false;
    loaded = std::move(loaded_.front());
    loaded_.pop_front();
    return true;
}

std::string DiskStore::trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

std::int64_t DiskStore::busy_ms() const {
    if (!busy_.load(std::memory_order_acquire)) return 0;
    return (monotonic_us() - since_us_.load(std::memory_order_relaxed)) / 1000;
}

void DiskStore::write_all() {
    auto wait = kRetryFirst;
    std::unique_lock guard(mutex_);
    for (;;) {
        await_transaction(guard);
        if (!busy_) return;
        guard.unlock();
        const bool done = try_write();
        if (done) {
            wait = kRetryFirst;
            const bool small = bytes_of(transaction_) < kSmall;
            transaction_ = {};
            busy_.store(false, std::memory_order_release);
            signal();
            // Whoever waits for the transaction need not wait for this.
            const int much = log_stuck_ && log_again_ == 0 ? 0 : small ? kLogFramesReady : kLogFrames;
            const bool room = !short_ || !log_stuck_;  // else it would take what is left of it, and not fit
            if (room && log_frames_ >= std::max(much, log_again_)) shrink_log();
        }
        guard.lock();
        if (!done) {
            if (stop_) return;
            wake_writer_.wait_for(guard, wait, [this] { return stop_; });
            wait = std::min<std::chrono::milliseconds>(wait * 2, kRetryMost);
        }
    }
}

/// While single receipts are asked for every moment, waking the writer would cost a good part of what the disk does.
void DiskStore::await_transaction(std::unique_lock<std::mutex>& guard) {
    const std::int64_t begin = monotonic_us();
    if (spin_.pays() && may_spin_.load(std::memory_order_relaxed)) {
        guard.unlock();
        while (!busy_.load(std::memory_order_acquire) && monotonic_us() - begin < Spin::kLongestUs) sched_yield();
        guard.lock();
    }
    while (!wake_writer_.wait_for(guard, kCheckEvery, [this] { return stop_ || busy_; })) {
        if (!handed_over_) continue;
        guard.unlock();
        check_names();
        guard.lock();
    }
    spin_.waited(monotonic_us() - begin);
    spin_.took(bytes_of(transaction_));
}

/// True when the transaction is in the store. The disk's troubles are told, and pass.
bool DiskStore::try_write() {
    try {
        if (database_ == nullptr) open_anew();
        insist_on_names();
        if (tables_ == nullptr) tables_ = std::make_unique<TableWriter>(*database_);
        if (!written_) tables_->write(transaction_);
        written_ = true;  // a second time would append to its chunks once more
        files_.committed(log_frames_);
        insist_on_names();
    } catch (const std::exception& error) {
        healthy_.store(false, std::memory_order_release);
        lets_go_.store(false, std::memory_order_release);
        failed(error.what());
        const auto* cause = dynamic_cast<const SqliteError*>(&error);
        if (cause != nullptr && cause->full() && database_ != nullptr) make_room();
        return false;
    }
    written_ = false;
    committed_.store(transaction_.turn, std::memory_order_release);
    if (!healthy()) recovered();
    if (short_) check_room();
    return true;
}

void DiskStore::recovered() {
    log_again_ = 0;  // what was in the way of the log may be gone, too
    {
        const std::lock_guard lock(mutex_);
        trouble_ = short_ ? kFull : log_stuck_ ? log_trouble_ : std::string();
    }
    lets_go_.store(true, std::memory_order_release);
    healthy_.store(!short_, std::memory_order_release);
}

/// The disk is full: the room in the log may be all that is left. What stands in the way shows at the next attempt.
void DiskStore::make_room() try {
    if (sqlite3_get_autocommit(database_->handle()) == 0) database_->run("ROLLBACK");  // mostly SQLite has done so
    database_->checkpoint();
} catch (const SqliteError&) {
}

/// The log into the file. When that fails the transaction is safe all the same, in the log; but pages of the file may
/// be lost that SQLite takes for written, so the next transaction begins with the whole log again.
void DiskStore::shrink_log() try {
    log_again_ = log_frames_ + kLogFrames / 4;  // not at every commit again while something is in the way
    if (database_->checkpoint()) log_again_ = 0;
    if (!std::exchange(log_stuck_, false)) return;
    const std::lock_guard lock(mutex_);
    trouble_ = short_ ? kFull : "";
} catch (const SqliteError& error) {
    log_stuck_ = true;
    log_trouble_ = error.what();
    failed(log_trouble_);
    if (error.full()) return;
    tables_.reset();
    database_.reset();
}

/// After all handles were closed: the log holds what is not in the file, so it has to be the one that was open.
void DiskStore::open_anew() {
    if (files_.names() == OpenFiles::Names::no_log)
        throw StoreGone(directory_.log() + " is gone, and with it what was not yet in the file");
    reopen();
}

/// Only when nobody has it open does SQLite read the log anew, and knows nothing of what was in the file.
void DiskStore::reopen() {
    {
        std::unique_lock guard(mutex_);
        let_go_ = true;
        wake_reader_.notify_one();
        reader_let_go_.wait(guard, [this] { return !reading_; });
    }
    const auto over = [this](std::mutex*) {
        const std::lock_guard lock(mutex_);
        let_go_ = false;
        wake_reader_.notify_one();
    };
    const std::unique_ptr<std::mutex, decltype(over)> afterwards(&mutex_, over);
    open_database();
}

void DiskStore::failed(const std::string& why) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    {
        const std::lock_guard lock(mutex_);
        trouble_ = why;
    }
    signal();
}

}  // namespace broker
