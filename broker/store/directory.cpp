// Files and descriptors. Main thread, at a start.
#include "store/directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "server/descriptor.hpp"

namespace broker {
namespace {

constexpr std::size_t kPiece = 1u << 20;

[[noreturn]] void failed(const std::string& doing) { throw std::runtime_error(doing + ": " + std::strerror(errno)); }

std::uintmax_t size_of(const std::string& path) {
    struct stat file {};
    return ::stat(path.c_str(), &file) == 0 ? static_cast<std::uintmax_t>(file.st_size) : 0;
}

}  // namespace

std::vector<std::string> make_private(const std::string& path) {
    constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
    std::vector<std::string> warning;
    bool only_ours = true;
    const auto close_off = [&warning](const std::string& what, mode_t mode) {
        struct stat file {};
        if (::lstat(what.c_str(), &file) != 0 || S_ISLNK(file.st_mode) || (file.st_mode & kOthers) == 0) return;
        const bool done =
            ::chmod(what.c_str(), mode) == 0;  // by its name: to close a descriptor would take SQLite's locks away
        const std::string so_far = what + " was open to other users of this machine";
        warning.push_back(done ? so_far + ": it is no more" : so_far + ", and is still: " + std::strerror(errno));
    };
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
        const std::string name = entry.path().filename().string();
        const bool ours = name == "lock" || name == "reserve" || name == "cast.db" || name.starts_with("cast.db-") ||
                          name.starts_with("cast.db.part-");
        only_ours = only_ours && ours;
        if (ours) close_off(entry.path().string(), 0600);
    }
    struct stat folder {};
    const bool there = ::stat(path.c_str(), &folder) == 0;
    if (only_ours && !error && there && (folder.st_mode & S_ISVTX) == 0)  // nobody's temporary folder
        close_off(path, 0700);
    else if (there && (folder.st_mode & kOthers) != 0)
        warning.push_back(path +
                          " is open to other users of this machine, and holds other things: it stays so, the store's "
                          "files are private");
    return warning;
}

void sync_path(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd < 0) failed("cannot open " + path);
    if (::fsync(file.fd) != 0) failed("cannot sync " + path);
}

void make_directory(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    std::vector<fs::path> made;  // the deepest first
    for (fs::path at = fs::absolute(path).lexically_normal(); !fs::exists(at, error) && at.has_relative_path();
         at = at.parent_path())
        if (at.has_filename()) made.push_back(at);
    fs::create_directories(path, error);
    if (error) throw std::runtime_error("cannot make the data directory " + path + ": " + error.message());
    for (const fs::path& one : made) sync_path(one.parent_path());
}

DataDirectory::DataDirectory(const std::string& path) : path_(path) {
    make_directory(path);
    Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.fd < 0) failed("cannot open the data directory " + path);
    const std::string others = "another cast-broker uses the data directory " + path;
    // Where directories cannot be locked (some network file systems) the file alone has to do.
    if (::flock(folder.fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) throw std::runtime_error(others);
    Descriptor file(::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.fd < 0) failed("cannot write in the data directory " + path);
    if (::flock(file.fd, LOCK_EX | LOCK_NB) != 0) throw std::runtime_error(others);
    fd_ = std::exchange(file.fd, -1);
    folder_ = std::exchange(folder.fd, -1);
}

DataDirectory::~DataDirectory() {
    ::close(fd_);
    ::close(folder_);
}

void DataDirectory::insist_on_what_was() const {
    if (size_of(database()) > 0) return;
    char text[16] = {};
    const bool known = ::pread(fd_, text, 5, 0) == 5 && std::strcmp(text, "store") == 0;
    if (!known && size_of(log()) == 0) return;
    throw std::runtime_error("the data directory " + path_ + " had a store, and its file " + database() +
                             " is gone or empty: put it back, restore a backup into another directory, or remove "
                             "everything in this one to begin anew");
}

void DataDirectory::remember(std::uint64_t store_id) const {
    char text[32];
    const int size = std::snprintf(text, sizeof text, "store %016llx\n", static_cast<unsigned long long>(store_id));
    char old[32] = {};
    if (::pread(fd_, old, sizeof old - 1, 0) == size && std::strcmp(old, text) == 0) return;
    if (::pwrite(fd_, text, static_cast<std::size_t>(size), 0) != size || ::fsync(fd_) != 0)
        failed("cannot write in the data directory " + path_);
}

void DataDirectory::settle_log() const {
    if (size_of(log()) == 0) return;
    const Descriptor file(::open(log().c_str(), O_RDWR | O_CLOEXEC));
    if (file.fd < 0) failed("cannot open " + log());
    std::vector<char> piece(kPiece);
    for (off_t at = 0;;) {
        const ssize_t size = ::pread(file.fd, piece.data(), piece.size(), at);
        if (size < 0) failed("cannot read " + log());
        if (size == 0) break;
        if (::pwrite(file.fd, piece.data(), static_cast<std::size_t>(size), at) != size)
            failed("cannot write " + log());
        at += size;
    }
    if (::fsync(file.fd) != 0) failed("cannot sync " + log());
}

bool DataDirectory::log_fits(std::size_t size) const { return size_of(log()) <= size; }

void DataDirectory::lengthen_log(std::size_t size) const {
    std::size_t at = size_of(log());
    if (at == 0 || at >= size) return;  // there is none yet, or it is long enough
    const Descriptor file(::open(log().c_str(), O_WRONLY | O_CLOEXEC));
    const std::vector<char> zeros(kPiece);
    while (file.fd >= 0 && at < size) {
        const ssize_t written = ::pwrite(file.fd, zeros.data(), std::min(kPiece, size - at), static_cast<off_t>(at));
        if (written <= 0) return;
        at += static_cast<std::size_t>(written);
    }
    if (file.fd >= 0) ::fdatasync(file.fd);  // its first commit would pay for it
}

}  // namespace broker
