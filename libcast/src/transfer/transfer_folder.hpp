// FileFolder: the folder that received files land in. Every name is opened relative to it, no link is followed, nothing
// is replaced. One thread at a time. Calls that fail answer with the system's words: open() with invalid_argument, the
// others with not_saved.
#pragma once
#include <cast/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.hpp"

namespace cast::detail {

/// A file descriptor, closed with the object.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// Error of a system call that failed just now: "cannot read 'x': No such file or directory".
Error system_error(std::string_view doing, std::string_view name);
/// The same as not_saved: a receiver's call failed, and it is not the sender's argument.
Error save_error(std::string_view doing, std::string_view name);
/// Adds the file's first `length` bytes to `hash`; false when they cannot be read.
bool hash_front(int fd, std::uint64_t length, base::Sha256& hash);

class FileFolder {
public:
    static Result<FileFolder> open(const std::string& path);

    /// The part of this name, or nothing; what is no file of ours there (a link, a pipe) is removed.
    std::optional<Descriptor> find_part(const std::string& name, std::uint64_t& length);
    Result<Descriptor> make_part(const std::string& name);
    Result<void> write(const Descriptor& part, std::uint64_t offset, std::string_view bytes, const std::string& name);
    /// Syncs the part, gives it this name or, if it is taken, a numbered one, and syncs the folder. The name it got.
    Result<std::string> finish(const Descriptor& part, const std::string& part_name, const std::string& name);
    void remove_part(const std::string& name);
    /// A file called `name`, or so with a number, that has exactly this content.
    std::optional<std::string> find_same(const std::string& name, std::uint64_t size, const std::string& sha256);
    /// Removes parts that were not written to for a week.
    void remove_old_parts();

private:
    explicit FileFolder(Descriptor folder) : folder_(std::move(folder)) {}
    int rename(const std::string& from, const std::string& to);
    Descriptor folder_;
};

}  // namespace cast::detail
