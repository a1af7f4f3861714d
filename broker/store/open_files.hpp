// OpenFiles: the files that a store has open, and whether their names still lead to them. Who removes or renames a data
// directory, or cuts a file short, leaves a broker with files in which no start will find what it writes.
// Main's thread at a start, then the writer's; has_database() any.
#pragma once
#include <sys/stat.h>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace broker {

/// What is stored would not be found at the next start; the text says which file, and what to do.
class StoreGone : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class OpenFiles {
public:
    /// What is missing can be made anew by whoever has the files open.
    enum class Names { right, no_log, no_index };

    explicit OpenFiles(const std::string& database);
    ~OpenFiles();
    OpenFiles(const OpenFiles&) = delete;
    OpenFiles& operator=(const OpenFiles&) = delete;

    /// SQLite has opened or made what the names lead to now. `page`: bytes of a page, a frame of the log but for its
    /// head.
    void opened(std::size_t page);
    bool known() const { return database_.fd >= 0; }
    /// So many frames are in the log.
    void committed(int frames) { frames_ = frames; }
    /// Throws StoreGone when a name leads to another file or none, or a file has become shorter; the latter for good.
    /// Costs some five system calls that touch no disk.
    Names names();
    /// The name of the database leads to the one that is open.
    bool has_database() const;

private:
    /// Held open so that its number is not given to another file.
    struct File {
        std::string path;
        int fd = -1;
        dev_t device = 0;
        ino_t inode = 0;
    };
    static void hold(File& file, int flags);
    static void let_go(File& file);
    [[noreturn]] void cut(const File& file);

    File database_, log_, index_;
    std::size_t frame_ = 0;
    int frames_ = 0;
    off_t least_ = 0;  ///< bytes of the database: it never becomes shorter
    std::string cut_;  ///< it was found so once
};

}  // namespace broker
