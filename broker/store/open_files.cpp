// Comparing device and inode. See open_files.hpp for the threads.
#include "store/open_files.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdint>

namespace broker {
namespace {

constexpr off_t kLogHead = 32;  // of SQLite's log, and of each frame (its file format, section 4)
constexpr std::size_t kFrameHead = 24;
constexpr std::uint32_t kLogMagic = 0x377f0682;  // big-endian; the lowest bit tells how it sums

/// Where a path leads to; `size`: of what is there. Not asked for its times: a file whose times somebody has seen takes
/// new ones with its next byte, which makes the next fdatasync half as long again.
enum class Place { there, elsewhere, nowhere };
template <typename File>
Place place_of(const File& file, off_t& size) {
    struct statx there {};
    if (::statx(AT_FDCWD, file.path.c_str(), 0, STATX_INO | STATX_SIZE, &there) != 0) return Place::nowhere;
    size = static_cast<off_t>(there.stx_size);
    const bool same = makedev(there.stx_dev_major, there.stx_dev_minor) == file.device && there.stx_ino == file.inode;
    return same ? Place::there : Place::elsewhere;
}

std::string gone(const std::string& path, Place place) {
    return path + (place == Place::elsewhere ? " is another file now" : " is gone") +
           ": what is stored would not be found at the next start. Bring back the one that was there, or restart the "
           "broker";
}

/// A hole reads as zeros: what was there before is gone, although the file may have grown again.
bool begins_as_a_log(int fd) {
    std::uint8_t head[4] = {};
    if (::pread(fd, head, sizeof head, 0) != static_cast<ssize_t>(sizeof head)) return false;
    const std::uint32_t magic =
        std::uint32_t{head[0]} << 24 | std::uint32_t{head[1]} << 16 | std::uint32_t{head[2]} << 8 | head[3];
    return (magic & ~1u) == kLogMagic;
}

}  // namespace

OpenFiles::OpenFiles(const std::string& database) {
    database_.path = database;
    log_.path = database + "-wal";
    index_.path = database + "-shm";
}

OpenFiles::~OpenFiles() {
    for (File* file : {&database_, &log_, &index_}) let_go(*file);
}

void OpenFiles::let_go(File& file) {
    if (file.fd >= 0) ::close(file.fd);
    file.fd = -1;
}

void OpenFiles::hold(File& file, int flags) {
    let_go(file);
    struct stat found {};
    file.fd = ::open(file.path.c_str(), flags | O_CLOEXEC);
    if (file.fd < 0 || ::fstat(file.fd, &found) != 0) throw StoreGone(gone(file.path, Place::nowhere));
    file.device = found.st_dev;
    file.inode = found.st_ino;
}

void OpenFiles::opened(std::size_t page) {
    // O_PATH: to close another descriptor of these two would take SQLite's locks from them.
    if (!known()) hold(database_, O_PATH);
    hold(index_, O_PATH);
    hold(log_, O_RDONLY);
    frame_ = page + kFrameHead;
    frames_ = 0;
}

bool OpenFiles::has_database() const {
    off_t size = 0;
    return place_of(database_, size) == Place::there;
}

void OpenFiles::cut(const File& file) {
    cut_ = file.path +
           " was cut short by another program: what was receipted may be lost. Stop the broker, and look with "
           "--check-data";
    throw StoreGone(cut_);
}

OpenFiles::Names OpenFiles::names() {
    if (!cut_.empty()) throw StoreGone(cut_);
    off_t size = 0;
    if (const Place place = place_of(database_, size); place != Place::there)
        throw StoreGone(gone(database_.path, place));
    if (size < least_) cut(database_);
    least_ = size;
    const Place to_log = place_of(log_, size);
    if (to_log == Place::nowhere) return Names::no_log;
    if (to_log == Place::elsewhere) throw StoreGone(gone(log_.path, to_log));
    if (frames_ > 0 && (size < kLogHead + static_cast<off_t>(frame_) * frames_ || !begins_as_a_log(log_.fd))) cut(log_);
    return place_of(index_, size) == Place::there ? Names::right : Names::no_index;
}

}  // namespace broker
