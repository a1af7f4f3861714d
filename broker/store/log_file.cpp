// SQLite's C interfaces for files, one level of indirection more. The thread of the database's owner; nothing is
// shared.
#include "store/log_file.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <new>
#include <string>

namespace broker {
namespace {

constexpr std::size_t kJoined =
    0x1ffff;  // bytes, then it goes to the disk; the most that SQLite's unix VFS writes in one call (os_unix.c)

/// SQLite allocates it, and the real file behind it. `file` first: to SQLite the object is that.
struct LogFile {
    sqlite3_file file;
    std::string* joined;   // written to us, not yet to the real file
    sqlite3_int64 begins;  // where it belongs
};
constexpr std::size_t kOurs =
    (sizeof(LogFile) + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);

LogFile& log_of(sqlite3_file* file) { return *reinterpret_cast<LogFile*>(file); }
sqlite3_file* real(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + kOurs);
}
const sqlite3_io_methods& methods(sqlite3_file* file) { return *real(file)->pMethods; }

/// What cannot be written is given up: the transaction it belongs to fails by that, and its place is written anew.
int flush(sqlite3_file* file) {
    LogFile& log = log_of(file);
    if (log.joined->empty()) return SQLITE_OK;
    const int code =
        methods(file).xWrite(real(file), log.joined->data(), static_cast<int>(log.joined->size()), log.begins);
    log.joined->clear();
    return code;
}

int close(sqlite3_file* file) {
    flush(file);
    delete log_of(file).joined;
    return methods(file).xClose(real(file));
}

int read(sqlite3_file* file, void* bytes, int count, sqlite3_int64 from) {
    const int code = flush(file);
    return code != SQLITE_OK ? code : methods(file).xRead(real(file), bytes, count, from);
}

int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) try {
    LogFile& log = log_of(file);
    const auto size = static_cast<std::size_t>(count);
    if (at != log.begins + static_cast<sqlite3_int64>(log.joined->size()) || log.joined->size() + size > kJoined) {
        if (const int code = flush(file); code != SQLITE_OK) return code;
    }
    if (size > kJoined) return methods(file).xWrite(real(file), bytes, count, at);
    if (log.joined->empty()) log.begins = at;
    log.joined->append(static_cast<const char*>(bytes), size);
    return SQLITE_OK;
} catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
    const int code = flush(file);
    return code != SQLITE_OK ? code : methods(file).xTruncate(real(file), size);
}

int sync(sqlite3_file* file, int flags) {
    const int code = flush(file);
    return code != SQLITE_OK ? code : methods(file).xSync(real(file), flags);
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
    const int code = flush(file);
    return code != SQLITE_OK ? code : methods(file).xFileSize(real(file), size);
}

int lock(sqlite3_file* file, int level) { return methods(file).xLock(real(file), level); }
int unlock(sqlite3_file* file, int level) { return methods(file).xUnlock(real(file), level); }
int check_reserved(sqlite3_file* file, int* reserved) { return methods(file).xCheckReservedLock(real(file), reserved); }
int control(sqlite3_file* file, int what, void* argument) {
    return methods(file).xFileControl(real(file), what, argument);
}
int sector_size(sqlite3_file* file) { return methods(file).xSectorSize(real(file)); }
int characteristics(sqlite3_file* file) { return methods(file).xDeviceCharacteristics(real(file)); }

/// Version 1: a log is never mapped, and the index beside it belongs to the database's own file.
const sqlite3_io_methods kMethods{
    1,       close,          read,    write,       truncate,        sync,    file_size, lock,
    unlock,  check_reserved, control, sector_size, characteristics, nullptr, nullptr,   nullptr,
    nullptr, nullptr,        nullptr};

sqlite3_vfs* real(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* got) {
    if ((flags & SQLITE_OPEN_WAL) == 0) return real(vfs)->xOpen(real(vfs), name, file, flags, got);
    file->pMethods = nullptr;  // SQLite closes what has some
    auto* joined = new (std::nothrow) std::string;
    if (joined == nullptr) return SQLITE_NOMEM;
    const int code = real(vfs)->xOpen(real(vfs), name, real(file), flags, got);
    if (code != SQLITE_OK) {
        delete joined;
        return code;
    }
    new (file) LogFile{{&kMethods}, joined, 0};
    return SQLITE_OK;
}

}  // namespace

const char* joining_vfs() {
    static sqlite3_vfs vfs;
    static const bool registered = [] {
        sqlite3_vfs* there = sqlite3_vfs_find(nullptr);
        if (there == nullptr) return false;
        vfs = *there;
        vfs.pNext = nullptr;
        vfs.zName = "joining";
        vfs.pAppData = there;
        vfs.szOsFile = static_cast<int>(kOurs) + there->szOsFile;
        vfs.xOpen = open;
        return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
    }();
    return registered ? vfs.zName : nullptr;
}

}  // namespace broker
