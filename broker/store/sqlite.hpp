// A thin skin over SQLite: a database and a statement that close themselves, and an exception with SQLite's code.
// One thread at a time for each database.
#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace broker {

class SqliteError : public std::runtime_error {
public:
    SqliteError(int code, const std::string& text) : std::runtime_error(text), code_(code) {}
    int code() const { return code_; }
    /// The file is not what it should be; trying again does not help.
    bool corrupt() const { return (code_ & 0xFF) == SQLITE_CORRUPT || (code_ & 0xFF) == SQLITE_NOTADB; }
    bool full() const { return (code_ & 0xFF) == SQLITE_FULL; }

private:
    int code_;
};

class Database {
public:
    /// Leaves the log as it is when it closes: what goes into the file goes there by checkpoint(). `vfs`: null for
    /// SQLite's own.
    Database(const std::string& path, int flags, const char* vfs = nullptr);
    ~Database() { sqlite3_close_v2(db_); }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs statements that give no rows, or whose rows do not matter.
    void run(const std::string& sql);
    std::int64_t number(const std::string& sql);
    std::string text(const std::string& sql);
    /// Brings what is committed from the log into the file, as far as readers let it. Returns true when that is all.
    bool checkpoint();
    /// Throws what went wrong last, with its code.
    [[noreturn]] void fail(int code, std::string_view doing);
    sqlite3* handle() { return db_; }

private:
    sqlite3* db_ = nullptr;
};

/// A prepared statement, used again and again: bind in order, then step or run. Texts and blobs must live until then.
class Statement {
public:
    Statement(Database& database, std::string_view sql);
    ~Statement() { sqlite3_finalize(statement_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    Statement& bind(std::uint64_t value);
    Statement& bind(std::string_view text);
    Statement& bind_blob(std::string_view bytes);

    /// True when there is a row. At the end, or when it fails, the statement is as new.
    bool step();
    void run() {
        while (step()) {
        }
    }
    void reset();

    std::uint64_t number(int column) { return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column)); }
    std::string_view bytes(int column);
    bool null(int column) { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

private:
    Database& database_;
    sqlite3_stmt* statement_ = nullptr;
    int bound_ = 0;
};

}  // namespace broker
