// The schema and its migrations; identity; reading everything at a start. Main thread, at a start.
#include "store/tables.hpp"

#include <fmt/format.h>

#include <array>

#include "store/packing.hpp"
#include "wire/bytes.hpp"

namespace broker {
namespace {

constexpr int kApplication = 0x63617374;  // "cast"

// clang-format off: a table's columns stay together.
/// steps[n] makes version n + 1 of version n. A step that was released never changes.
constexpr std::array<const char*, kSchema> kSteps{
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE nodes(name TEXT PRIMARY KEY, created INTEGER, port INTEGER, holder INTEGER) WITHOUT ROWID;"
    "CREATE TABLE streams(id INTEGER PRIMARY KEY, kind INTEGER, created INTEGER, owner TEXT, last INTEGER,"
    " floor INTEGER, high INTEGER, passed INTEGER, messages INTEGER, bytes INTEGER, chunk_first INTEGER,"
    " chunk_bytes INTEGER, gone BLOB);"
    "CREATE TABLE members(node TEXT, stream INTEGER, cursor INTEGER, high INTEGER, PRIMARY KEY(stream, node))"
    " WITHOUT ROWID;"
    "CREATE INDEX members_node ON members(node);"
    "CREATE TABLE sessions(id INTEGER PRIMARY KEY, through INTEGER, outcomes BLOB);"
    "CREATE TABLE chunks(stream INTEGER, first INTEGER, last INTEGER, messages INTEGER, bytes INTEGER, arrival INTEGER,"
    " batches BLOB, PRIMARY KEY(stream, first)) WITHOUT ROWID;",
    "ALTER TABLE chunks ADD COLUMN sum INTEGER;",  // of the batches; NULL: written by version 1
    "ALTER TABLE streams ADD COLUMN goings INTEGER NOT NULL DEFAULT 0;",
    // When its first batch with a ttl runs out; NULL: none has one, or written before version 4 (it is found when it is
    // read).
    "ALTER TABLE chunks ADD COLUMN expires INTEGER;"
    "CREATE INDEX chunks_expires ON chunks(expires, last) WHERE expires IS NOT NULL;",
    "ALTER TABLE streams ADD COLUMN began INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE sessions ADD COLUMN secret BLOB;"};  // its hash; NULL: none
// clang-format on

/// views[n] shows tables of version n as of version n + 1, to whoever only reads; one of streams, as of the current
/// one.
constexpr std::array<const char*, kSchema> kViews{
    "",  // a new file: there is nothing to show
    "CREATE TEMP VIEW chunks AS SELECT *, NULL AS sum FROM main.chunks;",
    "CREATE TEMP VIEW streams AS SELECT *, 0 AS goings, 0 AS began FROM main.streams;",
    "",  // nobody who only reads asks when a chunk runs out,
    "CREATE TEMP VIEW IF NOT EXISTS streams AS SELECT *, 0 AS began FROM main.streams;",
    "CREATE TEMP VIEW sessions AS SELECT *, NULL AS secret FROM main.sessions;"};

void put(Database& database, const char* name, std::uint64_t value) {
    Statement(database, "INSERT OR REPLACE INTO meta VALUES(?, ?)").bind(std::string_view(name)).bind(value).run();
}

std::uint64_t get(Database& database, const char* name) {
    Statement statement(database, "SELECT value FROM meta WHERE name = ?");
    statement.bind(std::string_view(name));
    return statement.step() ? statement.number(0) : 0;
}

}  // namespace

int known_version(Database& database, const std::string& path) {
    const auto version = database.number("PRAGMA user_version");
    const auto application = database.number("PRAGMA application_id");
    const bool empty = database.number("SELECT count(*) FROM sqlite_schema") == 0;
    if (!empty && application != kApplication) throw std::runtime_error(path + " is a database of another program");
    if (version < 0 || version > kSchema)
        throw std::runtime_error(
            fmt::format("{} was written by a newer cast-broker (its tables have version {}, this program knows {}): "
                        "use that one, or another data directory",
                        path, version, kSchema));
    return static_cast<int>(version);
}

void prepare_tables(Database& database, const std::string& path) {
    const int version = known_version(database, path);
    if (version == kSchema) return;
    database.run("BEGIN IMMEDIATE");
    for (int v = version; v < kSchema; ++v) database.run(kSteps[static_cast<std::size_t>(v)]);
    database.run(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplication, kSchema));
    database.run("COMMIT");
}

void view_as_current(Database& database, const std::string& path) {
    for (int v = known_version(database, path); v < kSchema; ++v) database.run(kViews[static_cast<std::size_t>(v)]);
}

void check_small_tables(Database& database) {
    for (const char* table : {"meta", "nodes", "streams", "members", "sessions"}) {
        const std::string said = database.text(fmt::format("PRAGMA quick_check({})", table));
        if (said != "ok") throw SqliteError(SQLITE_CORRUPT, fmt::format("table {} is damaged: {}", table, said));
    }
    database.run("SELECT first, batches, sum, expires FROM chunks LIMIT 0");
}

Identity read_identity(Database& database) {
    return {get(database, "store_id"),    get(database, "epoch"),           get(database, "running") == 0,
            get(database, "next_stream"), get(database, "forgetful_epoch"), get(database, "session_us")};
}

Identity begin_epoch(Database& database, std::uint64_t id, StreamId first_stream) {
    Identity identity = read_identity(database);
    if (identity.store_id == 0) {
        identity.store_id = id;
        identity.next_stream = first_stream;
    }
    ++identity.epoch;
    database.run("BEGIN IMMEDIATE");
    put(database, "store_id", identity.store_id);
    put(database, "epoch", identity.epoch);
    put(database, "running", 1);
    put(database, "next_stream", identity.next_stream);
    database.run("COMMIT");
    return identity;
}

void end_epoch(Database& database) { put(database, "running", 0); }

Recovered read_all(Database& database, const Identity& identity) {
    Recovered all;
    all.clean = identity.clean;
    all.next_stream = identity.next_stream;
    all.forgetful_epoch = identity.forgetful_epoch;
    all.session_us = identity.session_us;
    Statement nodes(database, "SELECT name, created, port, holder FROM nodes ORDER BY name");
    while (nodes.step())
        all.nodes.push_back(
            {std::string(nodes.bytes(0)), nodes.number(1) != 0, static_cast<int>(nodes.number(2)), nodes.number(3)});
    Statement streams(database,
                      "SELECT id, kind, created, owner, last, floor, high, passed, messages, bytes, chunk_first, "
                      "chunk_bytes, gone, goings, began FROM streams ORDER BY id");
    while (streams.step()) {
        StreamRow& row = all.streams.emplace_back();
        row.id = streams.number(0);
        row.kind = static_cast<std::uint8_t>(streams.number(1));
        row.created = streams.number(2) != 0;
        row.owner = streams.bytes(3);
        row.last = streams.number(4);
        row.floor = streams.number(5);
        row.high = streams.number(6);
        row.passed = streams.number(7);
        row.messages = streams.number(8);
        row.bytes = streams.number(9);
        row.chunk_first = streams.number(10);
        row.chunk_bytes = static_cast<std::uint32_t>(streams.number(11));
        row.gone = unpack_gone(streams.bytes(12));
        row.delivery_attempts = static_cast<std::uint32_t>(streams.number(13));
        row.began = streams.number(14);
    }
    Statement members(database, "SELECT node, stream, cursor, high FROM members ORDER BY stream, node");
    while (members.step())
        all.members.push_back({std::string(members.bytes(0)), members.number(1), members.number(2), members.number(3)});
    Statement sessions(database, "SELECT id, through, outcomes, secret FROM sessions ORDER BY id");
    while (sessions.step()) {
        SessionRow& row = all.sessions.emplace_back();
        row.id = sessions.number(0);
        row.through = sessions.number(1);
        unpack_outcomes(sessions.bytes(2), row);
        const std::string_view secret = sessions.bytes(3);
        if (secret.size() == row.secret.size()) std::copy(secret.begin(), secret.end(), row.secret.begin());
    }
    Statement chunks(database,
                     "SELECT c.stream, c.first, c.last, c.messages, c.bytes, c.arrival FROM streams s JOIN chunks c ON "
                     "c.stream = s.id "
                     "WHERE s.kind >= 16 ORDER BY c.stream, c.first");
    while (chunks.step())
        all.group_chunks.push_back({chunks.number(0),
                                    chunks.number(1),
                                    chunks.number(2),
                                    0,
                                    chunks.number(3),
                                    chunks.number(4),
                                    chunks.number(5),
                                    0,
                                    {}});
    return all;
}

std::vector<ExpiryRow> read_expiry_queue(Database& database) {
    std::vector<ExpiryRow> all;
    Statement expiry_queue(
        database,
        "SELECT c.stream, c.first, c.last, c.expires FROM chunks c INDEXED BY chunks_expires CROSS JOIN "
        "streams s ON s.id = c.stream "
        "WHERE c.expires IS NOT NULL AND s.kind < 16");
    while (expiry_queue.step())
        all.push_back({expiry_queue.number(0), expiry_queue.number(1), expiry_queue.number(2), expiry_queue.number(3)});
    return all;
}

}  // namespace broker
