// Copies by VACUUM INTO: one view of the database, and no free pages. One thread.
#include "store/backup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "store/directory.hpp"
#include "store/tables.hpp"

namespace broker {
namespace {

namespace fs = std::filesystem;

/// A file in the making, gone unless it was finished.
class Part {
public:
    explicit Part(std::string file) : file_(std::move(file)), path_(file_ + ".part-" + std::to_string(getpid())) {}
    ~Part() { std::remove(path_.c_str()); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    const std::string& path() const { return path_; }
    void finish() const {
        sync_path(path_);
        if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, file_.c_str(), RENAME_NOREPLACE) != 0)
            throw std::runtime_error("cannot name the copy " + file_ + ": " + std::strerror(errno));
        const fs::path folder = fs::path(file_).parent_path();
        sync_path(folder.empty() ? "." : folder.string());
    }

private:
    std::string file_, path_;
};

void copy(const std::string& from, int flags, const std::string& to) {
    Database source(from, flags);
    source.run("PRAGMA busy_timeout = 10000");
    known_version(source, from);  // what is refused is told by its own name, not by the copy's
    Statement(source, "VACUUM INTO ?").bind(std::string_view(to)).run();
}

Checked sound(const std::string& path) {
    Checked checked = check_data(path);
    if (!checked.faults.empty()) throw std::runtime_error(checked.faults.front());
    return checked;
}

void become(const std::string& path, std::uint64_t id) {
    Database database(path, SQLITE_OPEN_READWRITE);
    prepare_tables(database, path);
    database.run("BEGIN IMMEDIATE");
    Statement(database, "UPDATE meta SET value = ? WHERE name = 'store_id'").bind(id).run();
    database.run("UPDATE meta SET value = 1 WHERE name = 'running'; DELETE FROM sessions; COMMIT");
}

}  // namespace

Checked back_up(const std::string& directory, const std::string& file) {
    const std::string database = directory + "/cast.db";
    if (fs::exists(file)) throw std::runtime_error(file + " is there already");
    if (!fs::exists(database)) throw std::runtime_error("there is no store in " + directory);
    const Part part(file);
    copy(database, SQLITE_OPEN_READWRITE, part.path());
    Checked checked = sound(part.path());
    part.finish();
    return checked;
}

Checked restore_backup(const std::string& file, const std::string& directory, std::uint64_t id) {
    Checked checked = sound(file);
    if (fs::exists(directory) && !fs::is_empty(directory))
        throw std::runtime_error(directory + " is not empty: nothing was changed");
    make_directory(directory);
    const Part part(directory + "/cast.db");
    copy(file, SQLITE_OPEN_READONLY, part.path());
    become(part.path(), id);
    sound(part.path());
    part.finish();
    return checked;
}

}  // namespace broker
