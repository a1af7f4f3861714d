// store/log_file.hpp: a log whose writes are joined is the same log.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "store/log_file.hpp"
#include "store/sqlite.hpp"
#include "support/process.hpp"

using namespace broker;
using cast::test::Folder;

namespace {

struct Logged {
    Folder folder;
    std::string path = folder / "db";
    Database database{path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, joining_vfs()};

    Logged() {
        database.run(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = 4");
        database.run("CREATE TABLE rows(id INTEGER PRIMARY KEY, bytes BLOB)");
    }
    void add(int from, int through, int bytes) {
        Statement row(database, "INSERT INTO rows VALUES(?, zeroblob(?))");
        for (int id = from; id <= through; ++id)
            row.bind(static_cast<std::uint64_t>(id)).bind(static_cast<std::uint64_t>(bytes)).run();
    }
    /// What is on the disk at this moment, as after a kill.
    std::int64_t rows_of_a_copy() const {
        const std::string copy = folder / "copy";
        std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::copy_file(path + "-wal", copy + "-wal", std::filesystem::copy_options::overwrite_existing);
        Database there(copy, SQLITE_OPEN_READWRITE);
        CHECK(there.text("PRAGMA integrity_check") == "ok");
        return there.number("SELECT count(*) FROM rows");
    }
};

/// No file of this process may grow beyond so many bytes while it lives.
struct FileLimit {
    rlimit before{};
    explicit FileLimit(rlim_t bytes) {
        std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before);
        const rlimit now{bytes, before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &now);
    }
    ~FileLimit() { setrlimit(RLIMIT_FSIZE, &before); }
    FileLimit(const FileLimit&) = delete;
    FileLimit& operator=(const FileLimit&) = delete;
};

}  // namespace

TEST_CASE_FIXTURE(Logged, "what is committed is on the disk, and seen by others") {
    add(1, 1, 10);
    CHECK(rows_of_a_copy() == 1);
    database.run("BEGIN");
    add(2, 50, 3000);
    CHECK(rows_of_a_copy() == 1);
    database.run("COMMIT");
    CHECK(rows_of_a_copy() == 50);
    Database other(path, SQLITE_OPEN_READWRITE);
    CHECK(other.number("SELECT count(*) FROM rows") == 50);
    CHECK(database.checkpoint());
    add(51, 51, 10);  // the log begins anew
    CHECK(rows_of_a_copy() == 51);
    CHECK(other.number("SELECT sum(length(bytes)) FROM rows") == 49 * 3000 + 20);
}

TEST_CASE_FIXTURE(Logged, "a transaction larger than the cache reads back what it wrote, and can be taken back") {
    database.run("BEGIN");
    add(1, 400, 9000);
    CHECK(database.number("SELECT sum(length(bytes)) FROM rows") == 400 * 9000);
    database.run("UPDATE rows SET bytes = zeroblob(5000) WHERE id % 2 = 0");
    CHECK(database.number("SELECT sum(length(bytes)) FROM rows") == 200 * 14000);
    database.run("ROLLBACK");
    CHECK(database.number("SELECT count(*) FROM rows") == 0);
    add(1, 3, 9000);
    CHECK(rows_of_a_copy() == 3);
    database.run("BEGIN");
    add(4, 400, 9000);
    database.run("COMMIT");
    CHECK(rows_of_a_copy() == 400);
    CHECK(database.text("PRAGMA integrity_check") == "ok");
}

TEST_CASE_FIXTURE(Logged, "a log that cannot grow fails the transaction, and only that") {
    add(1, 1, 10);
    {
        const FileLimit limit(std::filesystem::file_size(path + "-wal") + 6000);
        CHECK_THROWS_AS(add(2, 2, 20000), SqliteError);
        CHECK(database.number("SELECT count(*) FROM rows") == 1);
    }
    CHECK(rows_of_a_copy() == 1);
    add(2, 2, 20000);
    CHECK(rows_of_a_copy() == 2);
    CHECK(database.text("PRAGMA integrity_check") == "ok");
}

TEST_CASE_FIXTURE(Logged, "a page is one write, not two, and many pages are few") {
    add(1, 1, 10);
    const auto written = [] {
        const std::string io = cast::test::read_file("/proc/thread-self/io");
        return std::stoll(io.substr(io.find("syscw: ") + 7));
    };
    const auto before = written();
    database.run("BEGIN");
    add(2, 2, 40 * 4096);  // within the buffer, beyond the cache
    database.run("COMMIT");
    CHECK(written() - before <= 20);  // of 80 and more; valgrind, when it watches, writes a little itself
}
