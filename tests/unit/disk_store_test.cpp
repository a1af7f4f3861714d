// store/disk.hpp, store/tables.hpp: what is written is found again, by the next one to open the directory.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "store/disk.hpp"
#include "support/process.hpp"
#include "wire/batch.hpp"
#include "wire/frame.hpp"

using namespace broker;
using cast::test::Folder;

namespace {

cast::wire::Slice frame(StreamId stream, Sequence first, std::uint32_t count) {
    std::string out;
    cast::wire::begin_frame(out, cast::wire::Verb::deliver);
    cast::wire::BatchHeader header;
    header.session = 7;
    header.target = "bob";
    header.sender = "alice";
    cast::wire::begin_batch(out, header);
    for (std::uint32_t i = 0; i < count; ++i) out += std::string("\1\0", 2);
    cast::wire::seal_batch(out, cast::wire::kFrameHeader, first, count, 0);
    cast::wire::stamp_batch(out.data() + cast::wire::kFrameHeader, stream, first, 1000);
    return cast::wire::Slice::take(std::move(out));
}

ChunkRow chunk(StreamId stream, Sequence first, std::uint32_t count, Sequence extends = 0) {
    const auto one = frame(stream, first, count);
    return {stream, first, first + count - 1, extends, count, one.size(), 1000, 0, {one}};
}

struct DiskFixture {
    Folder folder;
    std::string directory = folder / "data";
    std::unique_ptr<DiskStore> store = open();

    std::unique_ptr<DiskStore> open(Durability durability = Durability::os) {
        auto opened = std::make_unique<DiskStore>(directory, durability);
        opened->open({99, 0, 1000});
        return opened;
    }
    void commit(Transaction&& t) {
        const Turn turn = t.turn;
        store->begin(std::move(t));
        REQUIRE(cast::test::eventually([&] { return store->idle(); }));
        REQUIRE(store->committed() == turn);
    }
    void reopen() {
        store.reset();
        store = open();
    }
    Loaded read(StreamId stream, Sequence from, std::size_t bytes = 1) {
        store->load({stream, from, bytes});
        Loaded loaded;
        REQUIRE(cast::test::eventually([&] { return store->loaded(loaded); }));
        return loaded;
    }
    std::string why_not(const std::string& where) {
        try {
            DiskStore(where, Durability::os).open({1, 0, 1});
        } catch (const std::exception& error) {
            return error.what();
        }
        return {};
    }
};

bool says(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE_FIXTURE(DiskFixture, "a store keeps its id, and its epochs count up") {
    CHECK(store->identity().store_id == 99);
    CHECK(store->identity().epoch == 1);
    CHECK(store->identity().clean);
    reopen();
    CHECK(store->identity().store_id == 99);
    CHECK(store->identity().epoch == 2);
    CHECK_FALSE(store->identity().clean);  // nobody closed it
    store->close();
    reopen();
    CHECK(store->identity().clean);
}

TEST_CASE_FIXTURE(DiskFixture, "a start that begins no epoch leaves the store as it was") {
    REQUIRE(store->close());
    store.reset();
    store = std::make_unique<DiskStore>(directory, Durability::os);
    CHECK(store->identity().epoch == 1);
    reopen();
    CHECK(store->identity().epoch == 2);
    CHECK(store->identity().clean);
}

TEST_CASE_FIXTURE(DiskFixture, "an end that has not kept where readers stood last is none in order") {
    store->incomplete();
    CHECK_FALSE(store->close());
    CHECK(says(store->trouble(), "where readers stood"));
    reopen();
    CHECK_FALSE(store->identity().clean);
}

TEST_CASE_FIXTURE(DiskFixture, "what goes is not written once more as zeros") {
    Transaction t;
    t.turn = 1;
    for (Sequence i = 0; i < 100; ++i) t.chunks.push_back(chunk(3, 1 + i * 10000, 10000));
    commit(std::move(t));
    Transaction gone;
    gone.turn = 2;
    gone.erasures = {{3, 1000000, 0}};
    commit(std::move(gone));
    reopen();  // brings the log into the file
    CHECK(read(3, 1).frames.empty());
    std::string records;
    for (int i = 0; i < 1000; ++i) records += std::string("\1\0", 2);
    CHECK(cast::test::read_file(directory + "/cast.db").find(records) != std::string::npos);
}

TEST_CASE_FIXTURE(DiskFixture, "every row is found again as it was, and one that is gone is not") {
    Transaction t;
    t.turn = 5;
    t.next_stream = 1234;
    t.nodes = {{"alice", true, 5571, 0}, {"bob", false, 0, 0xF000000000000001u}};
    StreamRow lane;
    lane.id = 3;
    lane.kind = 4;
    lane.owner = "alice";
    lane.last = 9;
    lane.floor = 2;
    lane.high = 8;
    lane.passed = 1;
    lane.messages = 8;
    lane.bytes = 800;
    lane.chunk_first = 2;
    lane.chunk_bytes = 800;
    lane.delivery_attempts = 7;
    lane.began = 6;
    lane.gone = {{3, 4, cast::wire::GapReason::expired}};
    t.streams = {lane};
    t.members = {{"alice", 3, 1, 2}, {"bob", 3, 4, 5}};
    commit(std::move(t));
    reopen();
    Recovered r = store->recover();
    CHECK(r.next_stream == 1234);
    CHECK(r.store_id == 99);
    CHECK(r.epoch == 2);
    REQUIRE(r.nodes.size() == 2);
    CHECK(r.nodes[0].name == "alice");
    CHECK(r.nodes[0].created);
    CHECK(r.nodes[0].port == 5571);
    CHECK(r.nodes[1].holder == 0xF000000000000001u);
    REQUIRE(r.streams.size() == 1);
    CHECK(r.streams[0].owner == "alice");
    CHECK(r.streams[0].last == 9);
    CHECK(r.streams[0].floor == 2);
    CHECK(r.streams[0].high == 8);
    CHECK(r.streams[0].delivery_attempts == 7);
    CHECK(r.streams[0].began == 6);
    CHECK(r.streams[0].passed == 1);
    CHECK(r.streams[0].messages == 8);
    CHECK(r.streams[0].bytes == 800);
    CHECK(r.streams[0].gone == lane.gone);
    REQUIRE(r.members.size() == 2);
}

TEST_CASE_FIXTURE(DiskFixture, "what is gone takes with it what belongs to it") {
    Transaction t;
    t.turn = 5;
    StreamRow lane;
    lane.id = 3;
    t.nodes = {{"alice", true, 0, 0}, {"bob", true, 0, 0}};
    t.streams = {lane};
    t.members = {{"alice", 3, 1, 2}, {"bob", 3, 4, 5}};
    t.sessions = {{77,
                   12,
                   {{11, cast::ErrorCode::mailbox_full}},
                   {{9, cast::ErrorCode::ok}},
                   {{"\1bob", cast::ErrorCode::mailbox_full}}}};
    commit(std::move(t));
    Recovered r = store->recover();
    REQUIRE(r.sessions.size() == 1);
    CHECK(r.sessions[0].through == 12);
    CHECK(r.sessions[0].refused[0].code == cast::ErrorCode::mailbox_full);
    CHECK(r.sessions[0].delivered[0].number == 9);
    CHECK(r.sessions[0].blocked[0].first == "\1bob");
    Transaction gone;
    gone.turn = 6;
    gone.nodes_gone = {"bob"};
    gone.sessions_gone = {77};
    commit(std::move(gone));
    r = store->recover();
    CHECK(r.nodes.size() == 1);
    CHECK(r.members.size() == 1);
    CHECK(r.sessions.empty());
    Transaction last;
    last.turn = 7;
    last.streams_gone = {3};
    commit(std::move(last));
    CHECK(store->recover().streams.empty());
    CHECK(store->recover().members.empty());
}

TEST_CASE_FIXTURE(DiskFixture, "small transactions stay within the log that is ready from the start") {
    store = nullptr;
    store = open(Durability::fsync);
    const std::string log = directory + "/cast.db-wal";
    const auto ready = std::filesystem::file_size(log);
    CHECK(ready == 8u << 20);
    for (Turn turn = 1; turn <= 600; ++turn) {  // several times what it holds
        Transaction t;
        t.turn = turn;
        t.chunks = {chunk(3, turn, 1)};
        commit(std::move(t));
    }
    CHECK(std::filesystem::file_size(log) == ready);
    reopen();
    CHECK(read(3, 1, 1 << 20).frames.size() == 600);
}

TEST_CASE_FIXTURE(DiskFixture, "chunks are read from any place on, a small one grows, passed ones are erased") {
    Transaction t;
    t.turn = 1;
    t.chunks = {chunk(3, 1, 2), chunk(3, 3, 1, 1), chunk(3, 4, 5), chunk(4, 1, 1)};
    commit(std::move(t));
    Loaded first = read(3, 1);
    CHECK(first.frames.size() == 2);  // the chunk grew
    CHECK(first.through == 3);
    CHECK_FALSE(first.failed);
    CHECK(read(3, 6).frames.size() == 1);
    CHECK(read(3, 3, 100000).frames.size() == 3);
    CHECK(read(3, 3, 100000).through == Loaded::kEnd);
    CHECK(read(3, 9).frames.empty());
    CHECK(read(3, 9).through == Loaded::kEnd);
    store->load({3, 3, 100000, 0, 4});  // only so much was known when it was asked
    Loaded known;
    REQUIRE(cast::test::eventually([&] { return store->loaded(known); }));
    CHECK(known.through == 4);
    Transaction erase;
    erase.turn = 2;
    erase.erasures = {{3, 5}};  // the second one is not passed to its end
    commit(std::move(erase));
    CHECK(read(3, 1).frames.size() == 1);
    CHECK(read(4, 1).frames.size() == 1);
}

TEST_CASE_FIXTURE(DiskFixture, "how long sessions were kept last is found again") {
    CHECK(store->recover().session_us == 0);
    for (const std::uint64_t us : {5u, 7u}) {
        Transaction t;
        t.turn = us;
        t.session_us = us;
        commit(std::move(t));
    }
    reopen();
    CHECK(store->recover().session_us == 7);
}

TEST_CASE_FIXTURE(DiskFixture, "a start finds when the chunks of lanes run out, the first time of what a chunk has") {
    const auto runs_out = [](StreamId stream, Sequence first, std::uint64_t at_us, Sequence extends = 0) {
        ChunkRow row = chunk(stream, first, 1, extends);
        row.expires_us = at_us;
        return row;
    };
    Transaction t;
    t.turn = 1;
    for (const auto& [id, kind] : {std::pair{3, 4}, {4, 17}, {5, 4}}) {
        StreamRow row;
        row.id = static_cast<StreamId>(id);
        row.kind = static_cast<std::uint8_t>(kind);
        row.owner = "n" + std::to_string(id);
        row.last = 9;
        t.streams.push_back(row);
    }
    t.chunks = {runs_out(3, 1, 700),  runs_out(3, 2, 500, 1), runs_out(3, 3, 600, 1),
                runs_out(3, 4, 0, 1), runs_out(3, 5, 0),      runs_out(3, 6, 300, 5),
                runs_out(4, 1, 100),  runs_out(5, 1, 0),      runs_out(5, 2, 900)};
    commit(std::move(t));
    reopen();
    const auto found = [this] {
        std::vector<std::string> all;
        for (const ExpiryRow& row : store->recover().expiry_queue)
            all.push_back(std::to_string(row.stream) + ":" + std::to_string(row.first) + "-" +
                          std::to_string(row.last) + " at " + std::to_string(row.at_us));
        std::sort(all.begin(), all.end());
        return all;
    };
    CHECK(found() == std::vector<std::string>{"3:1-4 at 500", "3:5-6 at 300", "5:2-2 at 900"});
    Transaction erase;
    erase.turn = 2;
    erase.erasures = {{3, 4}};
    erase.streams_gone = {5};
    commit(std::move(erase));
    reopen();
    CHECK(found() == std::vector<std::string>{"3:5-6 at 300"});
}

TEST_CASE_FIXTURE(DiskFixture, "one at a time, and nothing that is not its own: each in words") {
    CHECK(says(why_not(directory), "another cast-broker uses the data directory"));
    store.reset();
    {
        Database db(directory + "/cast.db", SQLITE_OPEN_READWRITE);
        db.run("PRAGMA user_version = 1000");
    }
    CHECK(says(why_not(directory), "written by a newer cast-broker"));
    const std::string other = folder / "other";
    CHECK(why_not(other).empty());
    {
        Database db(other + "/cast.db", SQLITE_OPEN_READWRITE);
        db.run("PRAGMA application_id = 1");
    }
    CHECK(says(why_not(other), "another program"));
    CHECK(says(why_not("/proc/nowhere"), "cannot make the data directory"));
}
