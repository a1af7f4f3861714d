// A new file under a name that nobody can foresee, then a rename. See endpoints_file.hpp.
#include "server/endpoints_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace broker {

EndpointsFile::EndpointsFile(std::string path) : path_(std::move(path)) {
    if (!path_.empty()) check_place();
}

EndpointsFile::~EndpointsFile() {
    if (fd_ < 0) return;
    struct stat there {
    }, ours{};
    if (::lstat(path_.c_str(), &there) == 0 && ::fstat(fd_, &ours) == 0 && there.st_dev == ours.st_dev &&
        there.st_ino == ours.st_ino)
        ::unlink(path_.c_str());
    ::close(fd_);
}

void EndpointsFile::check_place() const {
    struct stat there {};
    if (::lstat(path_.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
        throw std::runtime_error("endpoints-file: " + path_ + " is not a regular file, and is not replaced");
}

void EndpointsFile::write(const std::string& text) {
    if (path_.empty()) return;
    check_place();
    std::string temporary = path_ + ".XXXXXX";
    fd_ = ::mkostemp(temporary.data(), O_CLOEXEC);  // new, and no link; for its owner alone
    const bool good = fd_ >= 0 && ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (good && std::rename(temporary.c_str(), path_.c_str()) == 0) return;
    const int error = errno;
    if (fd_ >= 0) {
        ::unlink(temporary.c_str());
        ::close(std::exchange(fd_, -1));
    }
    throw std::runtime_error("endpoints-file: cannot write " + path_ + ": " + std::strerror(error));
}

}  // namespace broker
