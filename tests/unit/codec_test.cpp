// A transaction as bytes: what is written is read back, the bytes of version 1 stay what they are, and bytes that are
// damaged are refused or are a transaction themselves.
#include "store/codec.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "support/example_transaction.hpp"

using namespace broker;
using cast::test::example_transaction;
using cast::wire::Slice;

namespace {

std::string why_not(const std::string& bytes, Transaction& t) { return decode_transaction(Slice::copy(bytes), t); }
std::string why_not(const std::string& bytes) {
    Transaction t;
    return why_not(bytes, t);
}

template <class... Members>
bool all_set(const Members&... members) {
    return (!(members == Members{}) && ...);
}

std::string recorded() {
    std::ifstream file(CAST_SOURCE_DIR "/tests/unit/recorded/transaction_1.bin", std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
}

}  // namespace

TEST_CASE("a transaction with everything in it is read back as it was") {
    const Transaction written = example_transaction();
    Transaction read;
    CHECK(why_not(encode_transaction(written), read) == "");
    CHECK(read == written);
    CHECK(encode_transaction(read) == encode_transaction(written));
}

TEST_CASE("a transaction with nothing in it is read back as it was") {
    Transaction read = example_transaction();
    CHECK(why_not(encode_transaction({}), read) == "");
    CHECK(read == Transaction{});
}

// Each row is taken apart: a member that is added does not compile here until it is in the example, too.
TEST_CASE("the example leaves nothing out") {
    const Transaction t = example_transaction();
    const auto& [turn, next_stream, forgetful_epoch, session_us, nodes_gone, streams_gone, dead_letters_gone,
                 members_gone, sessions_gone, nodes, streams, letters, members, sessions, erasures, chunks] = t;
    CHECK(all_set(turn, next_stream, forgetful_epoch, session_us, nodes_gone, streams_gone, dead_letters_gone,
                  members_gone, sessions_gone, nodes, streams, letters, members, sessions, erasures, chunks));
    const auto& [name, created, port, holder] = nodes.front();
    CHECK(all_set(name, created, port, holder));
    const auto& [id, kind, made, owner, last, floor, high, passed, messages, bytes, chunk_first, chunk_bytes, gone,
                 delivery_attempts, began] = streams.front();
    CHECK(all_set(id, kind, made, owner, last, floor, high, passed, messages, bytes, chunk_first, chunk_bytes, gone,
                  delivery_attempts, began));
    const auto& [letter_stream, number, dead_at_us, frame] = letters.front();
    CHECK(all_set(letter_stream, number, dead_at_us, frame));
    const auto& [node, member_stream, cursor, member_high] = members.front();
    CHECK(all_set(node, member_stream, cursor, member_high));
    const auto& [session, session_through, refused, delivered, blocked, secret] = sessions.front();
    CHECK(all_set(session, session_through, refused, delivered, blocked, secret));
    const auto& [erased, through, from] = erasures.front();
    CHECK(all_set(erased, through, from));
    const auto& [chunk, first, chunk_last, extends, chunk_messages, size, arrival_us, expires_us, frames] =
        chunks.front();
    CHECK(all_set(chunk, first, chunk_last, extends, chunk_messages, size, arrival_us, expires_us, frames));
}

// Logs and stores of version 1 are out there. The recording never changes.
TEST_CASE("version 1 is what was recorded") {
    const std::string bytes = recorded();
    REQUIRE(!bytes.empty());
    Transaction read;
    CHECK(why_not(bytes, read) == "");
    CHECK(read == example_transaction());
    CHECK(encode_transaction(example_transaction()) == bytes);
}

TEST_CASE("the frames share the bytes that they came in") {
    const std::string bytes = encode_transaction(example_transaction());
    const Slice whole = Slice::copy(bytes);
    Transaction read;
    REQUIRE(decode_transaction(whole, read) == "");
    CHECK(read.letters.front().frame.owner() == whole.owner());
    CHECK(read.chunks.front().frames.back().owner() == whole.owner());
}

TEST_CASE("a transaction that is cut off is refused, wherever") {
    const std::string bytes = encode_transaction(example_transaction());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CAPTURE(size);
        Transaction read = example_transaction();
        CHECK(why_not(bytes.substr(0, size), read) != "");
        CHECK(read == Transaction{});
    }
}

TEST_CASE("a transaction with one bit turned is refused, or is one that gives just these bytes") {
    std::string bytes = encode_transaction(example_transaction());
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        CAPTURE(bit);
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
        Transaction read;
        if (why_not(bytes, read).empty())
            CHECK(encode_transaction(read) == bytes);
        else
            CHECK(read == Transaction{});
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    }
}

TEST_CASE("what is wrong with the bytes of a transaction is said") {
    const std::string bytes = encode_transaction(example_transaction());
    CHECK(why_not("") == "no transaction: it has no version");
    CHECK(why_not(std::string("\x02\x00", 2) + bytes.substr(2)) ==
          "a transaction of version 2, and version 1 alone is known");
    CHECK(why_not(bytes.substr(0, 20)) == "a damaged transaction: the head: the bytes end within it");
    CHECK(why_not(bytes.substr(0, bytes.size() - 1)) == "a damaged transaction: chunks: the bytes end within it");
    CHECK(why_not(bytes + "x") == "a damaged transaction: 1 bytes follow its end");

    Transaction t;
    t.nodes = {{"dave", true, 0, 0}};
    std::string node = encode_transaction(t);
    node[node.find("dave") + 4] = 2;
    CHECK(why_not(node) == "a damaged transaction: nodes: a truth is neither 0 nor 1");

    t = {};
    t.letters = {{1, 2, 3, Slice::copy("short")}};
    CHECK(why_not(encode_transaction(t)) == "a damaged transaction: letters: a frame is shorter than its header");

    t = {};
    t.streams.emplace_back().gone = {{1, 2, static_cast<cast::wire::GapReason>(9)}};
    CHECK(why_not(encode_transaction(t)) == "a damaged transaction: streams: a gap has no reason that is known");
}

TEST_CASE("a count that is more than the bytes can hold takes no memory") {
    std::string bytes = encode_transaction({});
    for (std::size_t at = 2 + 4 * 8; at + 4 <= bytes.size(); at += 4) {  // one after the other is the list that lies
        std::string lying = bytes;
        lying.replace(at, 4, "\xFF\xFF\xFF\xFF");
        CAPTURE(at);
        CHECK(why_not(lying).ends_with("the bytes end within it"));
    }
}
