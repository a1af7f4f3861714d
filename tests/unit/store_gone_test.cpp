// store/disk.hpp, store/open_files.hpp: nothing is committed to files that no start would find.
#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "store/disk.hpp"
#include "support/process.hpp"

using namespace broker;
using cast::test::eventually;
using cast::test::Folder;
namespace fs = std::filesystem;

namespace {

struct GoneStoreFixture {
    Folder folder;
    std::string directory = folder / "data";
    std::unique_ptr<DiskStore> store = open();
    Turn turn = 0;

    std::unique_ptr<DiskStore> open() {
        auto opened = std::make_unique<DiskStore>(directory, Durability::fsync);
        opened->open({99, 0, 1000});
        return opened;
    }
    std::string file(const char* name) { return directory + "/" + name; }
    /// A node of this name is to be stored.
    void begin(const std::string& node) {
        REQUIRE(store->idle());
        Transaction t;
        t.turn = ++turn;
        t.nodes = {{node, true, 0, 0}};
        store->begin(std::move(t));
    }
    void commit(const std::string& node) {
        begin(node);
        REQUIRE(eventually([&] { return store->idle(); }));
        CHECK(store->committed() == turn);
    }
    /// The store takes nothing and says why.
    void is_gone(const char* why) {
        // It may have looked between two steps of ours, and said something else at first.
        CHECK(eventually([&] { return !store->healthy() && store->trouble().find(why) != std::string::npos; }));
    }
    /// It takes transactions again, and has the one that waited.
    void comes_back() {
        CHECK(eventually([&] { return store->healthy() && store->idle(); }));
        CHECK(store->committed() == turn);
        CHECK(store->trouble() == "");
    }
    std::size_t nodes_at_a_start() {
        store.reset();
        store = open();
        return store->recover().nodes.size();
    }
};

void cut(const std::string& path, std::uintmax_t size) { fs::resize_file(path, size); }

}  // namespace

TEST_CASE_FIXTURE(GoneStoreFixture,
                  "what is written to a store whose directory was renamed counts once it is back, and once") {
    commit("alice");
    fs::rename(directory, directory + ".away");
    begin("bob");
    is_gone("cast.db is gone");
    CHECK(store->committed() == turn - 1);
    fs::rename(directory + ".away", directory);
    comes_back();
    CHECK(nodes_at_a_start() == 2);
}

TEST_CASE_FIXTURE(GoneStoreFixture,
                  "that the files are gone is seen while nothing is written, and that they are back") {
    commit("alice");
    SUBCASE("the directory") {
        fs::rename(directory, directory + ".away");
        is_gone("cast.db is gone");
        fs::rename(directory + ".away", directory);
    }
    SUBCASE("the database, and there is another one") {
        fs::rename(file("cast.db"), file("away"));
        fs::copy_file(file("away"), file("cast.db"));
        is_gone("cast.db is another file now");
        fs::rename(file("away"), file("cast.db"));
    }
    SUBCASE("the log, and there is another one") {
        fs::rename(file("cast.db-wal"), file("away"));
        fs::copy_file(file("away"), file("cast.db-wal"));
        is_gone("cast.db-wal is another file now");
        fs::rename(file("away"), file("cast.db-wal"));
    }
    comes_back();
    commit("bob");
    CHECK(nodes_at_a_start() == 2);
}

TEST_CASE_FIXTURE(GoneStoreFixture, "a log or an index whose name is gone is made anew, and nothing is lost with it") {
    const char* name = "";
    SUBCASE("log") { name = "cast.db-wal"; }
    SUBCASE("index") { name = "cast.db-shm"; }
    CAPTURE(name);
    commit("alice");
    fs::remove(file(name));
    commit("bob");
    CHECK(fs::exists(file(name)));
    CHECK(store->failures() > 0);
    CHECK(store->trouble() == "");
    commit("carol");
    CHECK(nodes_at_a_start() == 3);
}

TEST_CASE_FIXTURE(GoneStoreFixture, "a store without its file is lost when it ends, and says so") {
    commit("alice");
    SUBCASE("removed") { fs::remove_all(directory); }
    SUBCASE("unlinked") { fs::remove(file("cast.db")); }
    CHECK_FALSE(store->close());
    CHECK(store->lost());
    CHECK(store->trouble().find("is gone") != std::string::npos);
    CHECK_FALSE(fs::exists(file("cast.db")));  // and none is made in its place
}

TEST_CASE_FIXTURE(GoneStoreFixture, "a file that was cut short is not believed again, not even when it has grown") {
    const char* name = "";
    std::uintmax_t size = 0;
    SUBCASE("log") { name = "cast.db-wal"; }
    SUBCASE("a part of the log") {
        name = "cast.db-wal";
        size = 8192;
    }
    bool grown = false;
    SUBCASE("a log that has grown before anybody looked") {
        name = "cast.db-wal";
        grown = true;
    }
    SUBCASE("database") { name = "cast.db"; }
    CAPTURE(name);
    commit("alice");
    const auto before = fs::file_size(file(name));
    cut(file(name), size);
    if (grown) cut(file(name), before);
    begin("bob");
    is_gone("cut short");
    cut(file(name), before);
    CHECK_FALSE(eventually([&] { return store->healthy(); }, 50));
    CHECK(store->committed() == turn - 1);
    CHECK_FALSE(store->close());
    CHECK(store->lost());
}

TEST_CASE_FIXTURE(GoneStoreFixture, "no epoch is begun in files that are gone") {
    store.reset();
    DiskStore opened(directory, Durability::fsync);
    fs::rename(directory, directory + ".away");
    CHECK_THROWS_AS(opened.open({1, 0, 1}), StoreGone);
}

TEST_CASE_FIXTURE(GoneStoreFixture, "nothing is read from a file that has only the name") {
    commit("alice");
    fs::rename(file("cast.db"), file("away"));
    fs::copy_file(file("away"), file("cast.db"));
    store->load({3, 1, 1});
    Loaded loaded;
    REQUIRE(eventually([&] { return store->loaded(loaded); }));
    CHECK(loaded.failed);
}
