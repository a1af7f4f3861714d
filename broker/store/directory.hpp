// The data directory before SQLite sees it: its lock, what was there before, and the log of an end out of order.
// Main thread, at a start.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace broker {

/// A data directory, made if need be and kept from others while this lives. Throws std::runtime_error with a sentence
/// for the operator.
class DataDirectory {
public:
    explicit DataDirectory(const std::string& path);
    ~DataDirectory();
    DataDirectory(const DataDirectory&) = delete;
    DataDirectory& operator=(const DataDirectory&) = delete;

    const std::string& path() const { return path_; }
    std::string database() const { return path_ + "/cast.db"; }
    std::string log() const { return database() + "-wal"; }

    /// Throws when there was a store here and its file is gone or empty: it is not silently begun anew.
    void insist_on_what_was() const;
    /// From now on there is a store here.
    void remember(std::uint64_t store_id) const;
    /// Writes the log that is there once more and syncs it. When a sync fails the kernel may show pages that are not on
    /// the disk, and will not try them again: what a start believes must be there.
    void settle_log() const;
    /// The log has no more bytes than these.
    bool log_fits(std::size_t size) const;
    /// Zeros behind what is in the log, up to this size in bytes: a commit within it need not make the file longer,
    /// which costs half of its sync. SQLite's log ends where no frame follows. What cannot be written is left out.
    void lengthen_log(std::size_t size) const;

private:
    std::string path_;
    int fd_ = -1;      // of the file "lock", which also remembers the store
    int folder_ = -1;  // the lock that counts: a file can be removed, and another would be locked in its place
};

/// Takes the rights of others to the directory and the store's files away; earlier versions left them as the umask gave
/// them. A directory that holds other things keeps its own. What to tell the operator, a sentence each; throws nothing.
std::vector<std::string> make_private(const std::string& path);

/// Syncs a file or a directory. Throws std::runtime_error.
void sync_path(const std::string& path);

/// Makes a directory and those above it that are missing, and syncs the names of all it made: what is stored in it must
/// not be gone after a loss of power because its directory is. Throws std::runtime_error with a sentence for the
/// operator.
void make_directory(const std::string& path);

}  // namespace broker
