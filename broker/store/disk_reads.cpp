// DiskStore's thread that reads chunks, with a handle of its own.
#include <memory>
#include <mutex>
#include <utility>

#include "store/disk.hpp"

namespace broker {

void DiskStore::read_all_loads() {
    std::unique_ptr<Database> database;
    std::unique_ptr<ChunkReader> chunks;
    std::unique_lock guard(mutex_);
    for (;;) {
        wake_reader_.wait(guard, [this] { return stop_ || let_go_ || !loads_.empty(); });
        if (stop_ || let_go_) {
            chunks.reset();
            database.reset();
            reading_ = false;
            reader_let_go_.notify_one();
            wake_reader_.wait(guard, [this] { return stop_ || !let_go_; });
            if (stop_) return;
            continue;
        }
        const Load load = loads_.front();
        loads_.pop_front();
        reading_ = true;
        guard.unlock();
        answer(load, database, chunks);
        guard.lock();
    }
}

void DiskStore::answer(const Load& load, std::unique_ptr<Database>& database, std::unique_ptr<ChunkReader>& chunks) {
    Loaded loaded{load.stream, load.from, load.from, true, {}, {}, false};
    bool broken = false;
    try {
        if (database == nullptr) {
            if (!files_.has_database()) throw SqliteError(SQLITE_IOERR, directory_.database() + " is gone");
            database = std::make_unique<Database>(directory_.database(), SQLITE_OPEN_READWRITE);
            database->run("PRAGMA busy_timeout = 1000; PRAGMA query_only = 1");
            chunks = std::make_unique<ChunkReader>(*database);
        }
        loaded = chunks->read(load, broken);
    } catch (const SqliteError& error) {
        broken = true;
        loaded.why = error.what();
    }
    if (broken) {
        chunks.reset();
        database.reset();
    }
    loaded.browse = load.browse;
    {
        const std::lock_guard lock(mutex_);
        loaded_.push_back(std::move(loaded));
    }
    signal();
}

}  // namespace broker
