// libcast/src/outbound/plain_batch.hpp: what is written, by one thread or several, and what is left to the long way.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "src/outbound/plain_batch.hpp"

using namespace cast;
using namespace cast::detail;

namespace {

struct PlainBatchFixture {
    std::string bytes = std::string(64, '-');
    PlainBatch plain;
    void open() { plain.open(wire::Cast::unicast, "alice", "bob", bytes.data(), bytes.data() + bytes.size()); }
    bool add(std::string_view payload, std::string_view target = "bob") {
        return plain.add(wire::Cast::unicast, "alice", target, payload);
    }
    std::string written() const { return bytes.substr(0, plain.written().bytes); }
};

}  // namespace

TEST_CASE_FIXTURE(PlainBatchFixture, "records are written one behind the other while it is open") {
    CHECK_FALSE(add("early"));
    open();
    CHECK(add("one"));
    CHECK(plain.add_in_turn(wire::Cast::unicast, "alice", "bob", "two"));
    std::string expected;
    wire::append_record(expected, "text", {}, "one");
    wire::append_record(expected, "text", {}, "two");
    CHECK(written() == expected);
    const auto end = plain.close();
    CHECK(end.count == 2);
    CHECK(end.bytes == expected.size());
    CHECK(end.end == bytes.data() + expected.size());
    CHECK_FALSE(plain.is_open());
    CHECK_FALSE(add("late"));
    CHECK(plain.written().count == 0);
}

TEST_CASE_FIXTURE(PlainBatchFixture, "what does not belong there or has no room is left to the long way") {
    open();
    CHECK_FALSE(add("x", "bobby"));
    CHECK_FALSE(plain.add(wire::Cast::unicast, "carol", "bob", "x"));
    CHECK_FALSE(plain.add(wire::Cast::multicast, "alice", "bob", "x"));
    CHECK_FALSE(add(std::string(60, 'x')));
    CHECK(plain.written().bytes == 0);
    CHECK(add(std::string(58, 'x')));
    CHECK_FALSE(add(""));
    CHECK(plain.close().count == 1);
    CHECK(bytes.size() == 64);
}

TEST_CASE("threads write while another opens and closes: each record is there once, in its thread's order") {
    constexpr int kThreads = 3, kEach = 40000;
    constexpr std::size_t kRoom = 4096;
    PlainBatch plain;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&plain, t] {
            for (int i = 0; i < kEach; ++i) {
                const std::string text = std::to_string(t) + ":" + std::to_string(i);
                const auto fits = [&] {
                    return i % 2 == 0 ? plain.add(wire::Cast::unicast, "a", "b", text)
                                      : plain.add_in_turn(wire::Cast::unicast, "a", "b", text);
                };
                while (!fits()) std::this_thread::yield();
            }
        });
    std::vector<std::vector<int>> found(kThreads);
    for (std::size_t all = 0; all < std::size_t{kThreads} * kEach;) {
        std::string bytes(kRoom, '-');
        plain.open(wire::Cast::unicast, "a", "b", bytes.data(), bytes.data() + kRoom);
        for (int browse_answers = 0; browse_answers < 3; ++browse_answers) REQUIRE(plain.written().bytes <= kRoom);
        std::this_thread::yield();
        const auto written = plain.close();
        std::string_view records(bytes.data(), written.bytes);
        for (std::uint32_t i = 0; i < written.count; ++i) {
            wire::RecordView record;
            REQUIRE(wire::read_plain_record(records, record));
            const std::string text(record.payload);
            found.at(static_cast<std::size_t>(std::stoi(text))).push_back(std::stoi(text.substr(text.find(':') + 1)));
        }
        CHECK(records.empty());
        all += written.count;
    }
    for (auto& thread : threads) thread.join();
    for (const auto& of : found) {
        REQUIRE(of.size() == kEach);
        CHECK(of.front() == 0);
        CHECK(of.back() == kEach - 1);
        CHECK(std::is_sorted(of.begin(), of.end()));
    }
}
