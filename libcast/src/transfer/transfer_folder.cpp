// See transfer_folder.hpp.
#include "src/transfer/transfer_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "src/transfer/transfer_name.hpp"

namespace cast::detail {
namespace {

constexpr unsigned kNumbers = 10000;  // names tried before giving up
constexpr std::time_t kPartKept = 7 * 24 * 3600;
constexpr std::string_view kPartBegin = ".cast-", kPartEnd = ".part";
constexpr std::size_t kBlock = 256 * 1024;

bool regular(int fd, struct stat& about) { return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode); }

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

Descriptor::~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

Error system_error(std::string_view doing, std::string_view name) {
    return {ErrorCode::invalid_argument,
            "cannot " + std::string(doing) + " '" + std::string(name) + "': " + std::strerror(errno)};
}

Error save_error(std::string_view doing, std::string_view name) {
    Error error = system_error(doing, name);
    error.code = ErrorCode::not_saved;
    return error;
}

bool hash_front(int fd, std::uint64_t length, base::Sha256& hash) {
    std::vector<char> block(kBlock);
    for (std::uint64_t at = 0; at < length;) {
        const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), length - at));
        const ssize_t n = ::pread(fd, block.data(), want, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        hash.add({block.data(), static_cast<std::size_t>(n)});
        at += static_cast<std::uint64_t>(n);
    }
    return true;
}

Result<FileFolder> FileFolder::open(const std::string& path) {
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) return system_error("make the folder", path);
    Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return system_error("open the folder", path);
    if (::faccessat(folder.get(), ".", W_OK | X_OK, AT_EACCESS) != 0)
        return system_error("write into the folder", path);
    return FileFolder(std::move(folder));
}

std::optional<Descriptor> FileFolder::find_part(const std::string& name, std::uint64_t& length) {
    // O_NONBLOCK: a pipe of that name must not make us wait.
    Descriptor part(::openat(folder_.get(), name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat about {};
    if (!part && errno == ENOENT) return std::nullopt;
    if (!part || !regular(part.get(), about) || about.st_nlink != 1) {
        remove_part(name);
        return std::nullopt;
    }
    length = static_cast<std::uint64_t>(about.st_size);
    return part;
}

Result<Descriptor> FileFolder::make_part(const std::string& name) {
    Descriptor part(::openat(folder_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!part) return save_error("make", name);
    return part;
}

Result<void> FileFolder::write(const Descriptor& part, std::uint64_t offset, std::string_view bytes,
                               const std::string& name) {
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(part.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return save_error("write", name);
        bytes.remove_prefix(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

// 0 or an errno. Never replaces anything.
int FileFolder::rename(const std::string& from, const std::string& to) {
    if (::renameat2(folder_.get(), from.c_str(), folder_.get(), to.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    // A file system that cannot do that: a second name never replaces anything either.
    if (::linkat(folder_.get(), from.c_str(), folder_.get(), to.c_str(), 0) != 0) return errno;
    return ::unlinkat(folder_.get(), from.c_str(), 0) == 0 ? 0 : errno;
}

Result<std::string> FileFolder::finish(const Descriptor& part, const std::string& part_name, const std::string& name) {
    if (::fsync(part.get()) != 0) return save_error("sync", name);
    for (unsigned number = 0; number < kNumbers; ++number) {
        const std::string numbered = numbered_name(name, number);
        const int error = rename(part_name, numbered);
        if (error == EEXIST) continue;
        errno = error;
        if (error != 0) return save_error("rename the received part to", numbered);
        if (::fsync(folder_.get()) != 0) return save_error("sync the folder of", numbered);
        return numbered;
    }
    errno = EEXIST;
    return save_error("find a free name for", name);
}

void FileFolder::remove_part(const std::string& name) { ::unlinkat(folder_.get(), name.c_str(), 0); }

std::optional<std::string> FileFolder::find_same(const std::string& name, std::uint64_t size,
                                                 const std::string& sha256) {
    for (unsigned number = 0; number < kNumbers; ++number) {
        const std::string numbered = numbered_name(name, number);
        const Descriptor file(
            ::openat(folder_.get(), numbered.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (!file && errno == ENOENT) return std::nullopt;
        struct stat about {};
        if (!file || !regular(file.get(), about) || static_cast<std::uint64_t>(about.st_size) != size) continue;
        base::Sha256 hash;
        if (hash_front(file.get(), size, hash) && hash.hex() == sha256) return numbered;
    }
    return std::nullopt;
}

void FileFolder::remove_old_parts() {
    const int fd = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* listing = fd < 0 ? nullptr : ::fdopendir(fd);
    if (listing == nullptr) {
        if (fd >= 0) ::close(fd);
        return;
    }
    std::vector<std::string> old;
    const std::time_t now = std::time(nullptr);
    while (const dirent* entry = ::readdir(listing)) {
        const std::string_view name = entry->d_name;
        if (name.size() != kPartBegin.size() + 32 + kPartEnd.size()) continue;
        if (name.substr(0, kPartBegin.size()) != kPartBegin || name.substr(kPartBegin.size() + 32) != kPartEnd)
            continue;
        struct stat about {};
        if (::fstatat(folder_.get(), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISREG(about.st_mode) && now - about.st_mtime > kPartKept) old.emplace_back(name);
    }
    ::closedir(listing);
    for (const std::string& name : old) remove_part(name);
}

}  // namespace cast::detail
