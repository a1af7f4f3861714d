// Tables: the rows of core/store.hpp as SQL: writing a transaction, reading everything at a start, reading chunks.
// Whoever owns the database; it knows nothing of threads and retries.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/store.hpp"
#include "store/sqlite.hpp"

namespace broker {

/// The version of the tables that this program writes (PRAGMA user_version).
inline constexpr int kSchema = 6;

/// The version of the tables; 0: there are none yet. Throws std::runtime_error when they are of a newer program or the
/// file is something else.
int known_version(Database& database, const std::string& path);
/// Makes the tables, or brings older ones up to date. Throws like known_version().
void prepare_tables(Database& database, const std::string& path);
/// The same for whoever only reads: older tables look up to date through views of this handle, and the file stays as it
/// is.
void view_as_current(Database& database, const std::string& path);

/// Who this store is, and how often it was started.
struct Identity {
    std::uint64_t store_id = 0;
    std::uint64_t epoch = 0;
    bool clean = true;
    StreamId next_stream = 0;
    std::uint64_t forgetful_epoch = 0;
    std::uint64_t session_us = 0;
};
Identity read_identity(Database& database);
/// `id`: of a store that has none yet.
Identity begin_epoch(Database& database, std::uint64_t id, StreamId first_stream);
void end_epoch(Database& database);

/// The cheap part of looking for damage, for a start: everything but the chunks. Throws SqliteError.
void check_small_tables(Database& database);

/// All but when chunks run out, which only a start asks for: older tables have no such column.
Recovered read_all(Database& database, const Identity& identity);
std::vector<ExpiryRow> read_expiry_queue(Database& database);

/// Writes transactions through prepared statements.
class TableWriter {
public:
    explicit TableWriter(Database& database);
    ~TableWriter();
    void write(const Transaction& transaction);

private:
    void write_gone(const Transaction& transaction);
    void write_dead_letters_gone(std::vector<StreamId> ids);
    void write_rows(const Transaction& transaction);
    void write_stream(const StreamRow& row);
    bool begin_with(const ChunkRow& chunk, std::uint64_t& messages, std::uint64_t& bytes);
    void write_chunk(const ChunkRow& chunk);
    struct Statements;
    Database& database_;
    std::unique_ptr<Statements> s_;
    std::string blob_;
    StreamId next_stream_ = 0;  ///< as written last
    std::uint64_t forgetful_epoch_ = 0;
    std::uint64_t session_us_ = 0;
};

/// What the tables hold of a dead letter: a stream with a chunk.
StreamRow stream_of(const DeadLetterRow& letter);
ChunkRow chunk_of(const DeadLetterRow& letter);

class ChunkReader {
public:
    explicit ChunkReader(Database& database);
    /// What comes before a chunk that cannot be read is answered without it. Throws nothing of SQLite's: the answer
    /// then says why, and `broken` that the database is to be opened anew.
    Loaded read(const Load& load, bool& broken);

private:
    Statement rows_;
};

/// The batches of a chunk's blob as DELIVER frames; false when they are not that stream's.
bool unpack_chunk(std::string_view blob, StreamId stream, std::vector<cast::wire::Slice>& frames);

/// What is written beside a chunk's blob, to know it again. Never 0.
std::uint64_t sum_of(std::string_view blob);

}  // namespace broker
