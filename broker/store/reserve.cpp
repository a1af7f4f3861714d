// Allocating, and removing. See reserve.hpp for the threads.
#include "store/reserve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace broker {

bool Reserve::make() const {
    struct stat there {};
    const bool was = ::stat(path_.c_str(), &there) == 0;
    if (was && static_cast<std::size_t>(there.st_blocks) * 512 >= kBytes) return true;
    struct statvfs disk {};
    const std::string directory = path_.substr(0, path_.rfind('/'));
    if (::statvfs(directory.c_str(), &disk) != 0 || disk.f_bavail * disk.f_frsize < 2 * kBytes) return false;
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    const bool made = ::posix_fallocate(fd, 0, static_cast<off_t>(kBytes)) == 0;
    if (!made) (void)!::ftruncate(fd, 0);
    ::close(fd);
    if (!made && !was) ::unlink(path_.c_str());
    return made;
}

bool Reserve::give_up() const {
    struct stat there {};
    return ::stat(path_.c_str(), &there) == 0 && there.st_size > 0 && ::truncate(path_.c_str(), 0) == 0;
}

bool Reserve::given_up() const {
    struct stat there {};
    return ::stat(path_.c_str(), &there) == 0 && there.st_size == 0;
}

}  // namespace broker
