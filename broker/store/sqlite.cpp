// SQLite's calls, its codes made exceptions. The thread of whoever owns the database.
#include "store/sqlite.hpp"

#include <cstring>

namespace broker {

Database::Database(const std::string& path, int flags, const char* vfs) {
    const int code = sqlite3_open_v2(path.c_str(), &db_, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
    if (code == SQLITE_OK) {
        sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
        return;
    }
    const std::string why = db_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db_);
    sqlite3_close_v2(db_);
    db_ = nullptr;
    throw SqliteError(code, "cannot open " + path + ": " + why);
}

void Database::fail(int code, std::string_view doing) {
    std::string text = std::string(doing) + ": " + sqlite3_errmsg(db_);
    if (const int error = sqlite3_system_errno(db_); error != 0 && (code & 0xFF) != SQLITE_CORRUPT)
        text += std::string(" (") + std::strerror(error) + ")";
    throw SqliteError(code, text);
}

bool Database::checkpoint() {
    int frames = 0, done = 0;
    const int code = sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &done);
    if (code == SQLITE_BUSY) return false;
    if (code != SQLITE_OK) fail(code, "bringing the log into the file");
    return frames == done;
}

void Database::run(const std::string& sql) {
    const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code, sql.substr(0, 40));
}

std::int64_t Database::number(const std::string& sql) {
    Statement statement(*this, sql);
    return statement.step() ? static_cast<std::int64_t>(statement.number(0)) : 0;
}

std::string Database::text(const std::string& sql) {
    Statement statement(*this, sql);
    return statement.step() ? std::string(statement.bytes(0)) : std::string();
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
    const int code = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
    if (code != SQLITE_OK) database.fail(code, sql.substr(0, 40));
}

Statement& Statement::bind(std::uint64_t value) {
    sqlite3_bind_int64(statement_, ++bound_, static_cast<sqlite3_int64>(value));
    return *this;
}

Statement& Statement::bind(std::string_view text) {
    sqlite3_bind_text64(statement_, ++bound_, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
    return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
    sqlite3_bind_blob64(statement_, ++bound_, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
    return *this;
}

bool Statement::step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    reset();
    if (code != SQLITE_DONE) database_.fail(code, "the store");
    return false;
}

void Statement::reset() {
    sqlite3_reset(statement_);
    bound_ = 0;
}

std::string_view Statement::bytes(int column) {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

}  // namespace broker
