// The directory, its lock, and the two threads.
#include "store/disk.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace broker {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetryFirst = 20ms, kRetryMost = 1000ms;

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

DiskStore::DiskStore(const std::string& directory, Durability durability, std::uint64_t id, StreamId first_stream) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) throw std::runtime_error("cannot make the data directory " + directory + ": " + error.message());
    lock(directory);
    const std::string path = directory + "/cast.db";
    try {
        open(path, durability, id, first_stream);
    } catch (const SqliteError& e) {
        close_all();
        throw std::runtime_error("the store " + path + ": " + e.what());
    } catch (...) {
        close_all();
        throw;
    }
    event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    writer_ = std::thread([this] { write_all(); });
    reader_ = std::thread([this, path] { read_all_loads(path); });
}

DiskStore::~DiskStore() {
    end_threads();
    close_all();
}

void DiskStore::close_all() {
    database_.reset();
    if (event_fd_ >= 0) ::close(event_fd_);
    if (lock_fd_ >= 0) ::close(lock_fd_);
    event_fd_ = lock_fd_ = -1;
}

void DiskStore::lock(const std::string& directory) {
    const std::string path = directory + "/lock";
    lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd_ < 0) throw std::runtime_error("cannot write in the data directory " + directory + ": " + std::strerror(errno));
    if (flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
        ::close(lock_fd_);
        throw std::runtime_error("another cast-broker uses the data directory " + directory);
    }
}

void DiskStore::open(const std::string& path, Durability durability, std::uint64_t id, StreamId first_stream) {
    database_ = std::make_unique<Database>(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    database_->run("PRAGMA busy_timeout = 5000");
    prepare_tables(*database_, path);
    database_->run("PRAGMA journal_mode = WAL");
    database_->run(durability == Durability::fsync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    database_->run("PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY");
    identity_ = read_identity(*database_);
    const bool clean = identity_.clean;
    identity_ = begin_epoch(*database_, id, first_stream);
    identity_.clean = clean;
}

Recovered DiskStore::recover() { return read_all(*database_, identity_); }

void DiskStore::close() {
    end_threads();
    if (healthy()) end_epoch(*database_);
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

void DiskStore::write_all() {
    TableWriter writer(*database_);
    auto wait = kRetryFirst;
    std::unique_lock guard(mutex_);
    for (;;) {
        wake_writer_.wait(guard, [this] { return stop_ || busy_; });
        if (!busy_) return;
        guard.unlock();
        const bool done = try_write(writer);
        guard.lock();
        if (done) {
            wait = kRetryFirst;
            transaction_ = {};
            busy_.store(false, std::memory_order_release);
            guard.unlock();
            signal();
            guard.lock();
        } else {
            if (stop_) return;
            wake_writer_.wait_for(guard, wait, [this] { return stop_; });
            wait = std::min<std::chrono::milliseconds>(wait * 2, kRetryMost);
        }
    }
}

/// True when the transaction is in the store. The disk's troubles are told, and pass.
bool DiskStore::try_write(TableWriter& writer) {
    std::string trouble;
    try {
        writer.write(transaction_);
        committed_.store(transaction_.turn, std::memory_order_release);
    } catch (const SqliteError& error) {
        trouble = error.what();
    }
    const bool well = trouble.empty();
    if (healthy_.exchange(well, std::memory_order_acq_rel) != well || !well) {
        const std::lock_guard lock(mutex_);
        trouble_ = trouble;
    }
    if (!well) signal();
    return well;
}

void DiskStore::read_all_loads(const std::string& path) {
    std::unique_ptr<Database> database;
    std::unique_ptr<ChunkReader> chunks;
    std::unique_lock guard(mutex_);
    for (;;) {
        wake_reader_.wait(guard, [this] { return stop_ || !loads_.empty(); });
        if (stop_) return;
        const Load load = loads_.front();
        loads_.pop_front();
        guard.unlock();
        Loaded loaded{load.stream, load.from, load.from, true, {}};
        try {
            if (database == nullptr) {
                database = std::make_unique<Database>(path, SQLITE_OPEN_READWRITE);
                database->run("PRAGMA busy_timeout = 1000; PRAGMA query_only = 1");
                chunks = std::make_unique<ChunkReader>(*database);
            }
            loaded = chunks->read(load);
        } catch (const SqliteError&) {
            chunks.reset();
            database.reset();
        }
        loaded.look = load.look;
        guard.lock();
        loaded_.push_back(std::move(loaded));
        guard.unlock();
        signal();
        guard.lock();
    }
}

}  // namespace broker
