// The receiver's books of a file: what a chunk adds, gaps, repetitions, redeliveries, when to report.
#include <doctest/doctest.h>

#include <string>

#include "base/sha256.hpp"
#include "src/transfer/transfer_assembly.hpp"

using namespace cast::detail;
using Act = FileAssembly::Act;

namespace {

// Takes a chunk as the receiver does; what became of it in a letter.
char feed(FileAssembly& file, std::string& content, std::uint64_t offset, std::string_view bytes, bool last = false,
          bool again = false) {
    const auto step = file.chunk(offset, bytes, last, again);
    if (step.act == Act::append) {
        content += step.bytes;
        file.appended(step.bytes.size());
    }
    return step.act == Act::append ? 'a' : step.act == Act::back ? 'b' : 'n';
}

}  // namespace

TEST_CASE("chunks in order are appended, repeated ones are not, a tail that is new is") {
    FileAssembly file;
    std::string content;
    CHECK(feed(file, content, 0, "abc") == 'a');
    CHECK(feed(file, content, 3, "def") == 'a');
    CHECK(feed(file, content, 0, "abc") == 'n');
    CHECK(feed(file, content, 3, "def") == 'n');
    CHECK(feed(file, content, 4, "efgh") == 'a');
    CHECK(feed(file, content, 8, "", true) == 'n');
    CHECK(content == "abcdefgh");
    CHECK(file.held() == 8);
}

TEST_CASE("a try is known once it was told something, or has had a chunk") {
    FileAssembly file;
    CHECK_FALSE(file.known_to("one"));
    file.mark_reported("one");
    CHECK(file.known_to("one"));
    CHECK_FALSE(file.known_to("two"));
    CHECK_FALSE(file.due("two", 10));
    CHECK(file.known_to("two"));
}

TEST_CASE("a gap is asked for once, whatever follows it, and again at the last chunk") {
    FileAssembly file;
    std::string content;
    CHECK(feed(file, content, 0, "ab") == 'a');
    CHECK(feed(file, content, 4, "ef") == 'b');
    CHECK(feed(file, content, 6, "gh") == 'n');
    CHECK(feed(file, content, 8, "ij") == 'n');
    CHECK(feed(file, content, 10, "kl", true) == 'b');
    CHECK(content == "ab");
    CHECK(feed(file, content, 2, "cd") == 'a');
    CHECK(feed(file, content, 4, "ef") == 'a');
    CHECK(feed(file, content, 8, "ij") == 'b');  // another gap
    CHECK(feed(file, content, 10, "kl") == 'n');
    CHECK(content == "abcdef");
}

TEST_CASE("chunks that were on their way while a gap is filled do not ask again") {
    FileAssembly file;
    std::string content;
    CHECK(feed(file, content, 2, "cd") == 'b');
    CHECK(feed(file, content, 0, "ab") == 'a');  // sent again
    CHECK(feed(file, content, 4, "ef") == 'n');  // of the old ones
    CHECK(feed(file, content, 2, "cd") == 'a');
    CHECK(feed(file, content, 6, "gh") == 'n');
    CHECK(feed(file, content, 4, "ef") == 'a');
    CHECK(feed(file, content, 6, "gh") == 'a');
    CHECK(content == "abcdefgh");
}

TEST_CASE("the end of a saved file that is delivered again asks for nothing before its last chunk") {
    FileAssembly file;
    std::string content;
    CHECK(feed(file, content, 4, "ef", false, true) == 'n');
    CHECK(feed(file, content, 6, "gh", false, true) == 'n');
    CHECK(feed(file, content, 8, "ij", true, true) == 'b');
    FileAssembly other;
    CHECK(feed(other, content, 4, "ef", false, true) == 'n');
    CHECK(feed(other, content, 6, "gh") == 'n');
    CHECK(feed(other, content, 10, "kl") == 'b');  // a new gap in what comes for the first time
}

TEST_CASE("an earlier part goes on where it ends, and says that it is one") {
    FileAssembly file(5);
    std::string content = "abcde";
    CHECK(file.resumed());
    CHECK(feed(file, content, 0, "abc") == 'n');
    CHECK(feed(file, content, 3, "defg") == 'a');
    CHECK(content == "abcdefg");
    CHECK_FALSE(FileAssembly().resumed());
}

TEST_CASE("each try hears how far the file is after so many bytes of its own count") {
    FileAssembly file;
    std::string content;
    feed(file, content, 0, "abcd");
    CHECK_FALSE(file.due("one", 5));
    feed(file, content, 4, "efgh");
    CHECK(file.due("one", 5));
    CHECK_FALSE(file.due("one", 5));
    CHECK(file.due("two", 5));  // it has not heard of it yet
    CHECK_FALSE(file.due("two", 5));
    feed(file, content, 8, "ijkl");
    file.mark_reported("one");
    CHECK_FALSE(file.due("one", 4));
    CHECK(file.due("two", 4));
    for (const char* more : {"3", "4", "5", "6"}) file.mark_reported(more);
    CHECK(file.due("one", 4));  // forgotten: told again
}
