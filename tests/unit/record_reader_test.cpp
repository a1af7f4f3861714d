// nodectl/input/records.hpp: cutting an input into lines, pieces between NULs, or one whole.
#include <doctest/doctest.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "nodectl/input/records.hpp"

using namespace nodectl;

namespace {

/// All records of an input that is written in chunks of this many bytes; then how it ended.
std::vector<std::string> read_all(const std::string& input, std::optional<char> separator, std::size_t limit = 1 << 20,
                                  std::size_t chunk = 65536) {
    int pipe_fds[2];
    REQUIRE(pipe(pipe_fds) == 0);
    std::thread writer([&] {
        for (std::size_t at = 0; at < input.size(); at += chunk)
            if (write(pipe_fds[1], input.data() + at, std::min(chunk, input.size() - at)) < 0) break;
        close(pipe_fds[1]);
    });
    RecordReader reader(pipe_fds[0], separator, limit);
    std::vector<std::string> records;
    std::string_view record;
    auto next = reader.next(record);
    for (; next == RecordReader::Next::record; next = reader.next(record)) records.emplace_back(record);
    CHECK(reader.number() == records.size() + (next == RecordReader::Next::too_long ? 1 : 0));  // it names the bad one
    char drained;
    while (next == RecordReader::Next::too_long && read(pipe_fds[0], &drained, 1) > 0) {
    }
    records.push_back(next == RecordReader::Next::end        ? "(end)"
                      : next == RecordReader::Next::too_long ? "(too long)"
                                                             : "(failed)");
    writer.join();
    close(pipe_fds[0]);
    return records;
}

using Records = std::vector<std::string>;

}  // namespace

TEST_CASE("lines are records without their newline; the last one needs none; empty lines count") {
    CHECK(read_all("a\nb\n", '\n') == Records{"a", "b", "(end)"});
    CHECK(read_all("a\nb", '\n') == Records{"a", "b", "(end)"});
    CHECK(read_all("\n\na\n\n", '\n') == Records{"", "", "a", "", "(end)"});
    CHECK(read_all("", '\n') == Records{"(end)"});
    CHECK(read_all("a\r\n", '\n') == Records{"a\r", "(end)"});
}

TEST_CASE("NULs separate, newlines within stay") {
    CHECK(read_all(std::string("a\nb\0\0c", 6), '\0') == Records{"a\nb", "", "c", "(end)"});
}

TEST_CASE("without a separator the whole input is one record, even when it is empty") {
    CHECK(read_all(std::string("a\0b\n", 4), std::nullopt) == Records{std::string("a\0b\n", 4), "(end)"});
    CHECK(read_all("", std::nullopt) == Records{"", "(end)"});
}

TEST_CASE("records are the same however the bytes arrive") {
    std::string input;
    Records want;
    for (int i = 0; i < 3000; ++i) {
        want.push_back(std::string(static_cast<std::size_t>(i * 7 % 200), 'x') + std::to_string(i));
        input += want.back() + "\n";
    }
    want.push_back("(end)");
    for (std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{1} << 20}) {
        CAPTURE(chunk);
        CHECK(read_all(input, '\n', 1 << 20, chunk) == want);
    }
}

TEST_CASE("a record at the limit passes, one byte more is too long") {
    CHECK(read_all(std::string(1000, 'x') + "\n", '\n', 1000) == Records{std::string(1000, 'x'), "(end)"});
    CHECK(read_all(std::string(1001, 'x') + "\n", '\n', 1000) == Records{"(too long)"});
    CHECK(read_all("ok\n" + std::string(500000, 'x'), '\n', 1000) == Records{"ok", "(too long)"});
    CHECK(read_all(std::string(1000, 'x'), std::nullopt, 1000) == Records{std::string(1000, 'x'), "(end)"});
    CHECK(read_all(std::string(1001, 'x'), std::nullopt, 1000) == Records{"(too long)"});
}

TEST_CASE("a descriptor that cannot be read fails") {
    RecordReader reader(-1, '\n', 100);
    std::string_view record;
    CHECK(reader.next(record) == RecordReader::Next::failed);
}
