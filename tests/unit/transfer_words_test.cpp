// What senders and receivers say about a file: it comes back as it was written, and what makes no sense is nothing.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "base/sha256.hpp"
#include "src/transfer/transfer_words.hpp"

using namespace cast;
using namespace cast::detail;

namespace {

using Headers = std::map<std::string, std::string>;

const Headers kChunk = {{"part", "chunk"},
                        {"transfer", std::string(32, 'a')},
                        {"correlation", "c"},
                        {"name", "../x"},
                        {"size", "10"},
                        {"offset", "7"},
                        {"sha256", std::string(64, '0')},
                        {"report-to", "$reply.0011223344556677"}};

Message message(const Headers& headers, const char* type = "file") {
    Message message = Message::unicast("bob", "payload");
    message.type(type);
    for (const auto& [key, value] : headers) message.header(key, value);
    return message;
}

Headers with(Headers headers, const std::string& key, const std::string& value) {
    headers[key] = value;
    return headers;
}

}  // namespace

TEST_CASE("an offer and a chunk come back as they were written, beside the user's own headers") {
    FileHead head;
    head.transfer = transfer_id("a.txt", 10, "v1");
    head.correlation = "c1";
    head.name = "a.txt";
    head.size = 10;
    head.offset = 7;
    head.sha256 = std::string(64, 'f');
    head.report_to = "alice";
    wire::HeaderList list = {{"note", "hi"}, {"name", "the user's"}};
    write_head(head, list);
    const auto read = read_head(message(Headers(list.begin(), list.end())));
    REQUIRE(read.has_value());
    CHECK(list.size() == 9);
    CHECK(read->transfer == head.transfer);
    CHECK(read->correlation == "c1");
    CHECK(read->name == "a.txt");
    CHECK(read->size == 10);
    CHECK(read->offset == 7);
    CHECK(read->last());
    CHECK(read->report_to == "alice");
    FileHead offer;
    offer.offer = true;
    offer.transfer = head.transfer;
    offer.correlation = "c2";
    wire::HeaderList few;
    write_head(offer, few);
    const auto back = read_head(message(Headers(few.begin(), few.end())));
    REQUIRE(back.has_value());
    CHECK(back->offer);
    CHECK_FALSE(back->size.has_value());
    CHECK_FALSE(back->last());
}

TEST_CASE("headers that make no sense are no part of a file") {
    REQUIRE(read_head(message(kChunk)).has_value());
    CHECK_FALSE(read_head(message(kChunk, "text")).has_value());
    const std::pair<const char*, std::string> bad[] = {{"part", "report"},
                                                       {"part", ""},
                                                       {"transfer", ""},
                                                       {"transfer", "../../x"},
                                                       {"transfer", std::string(32, 'A')},
                                                       {"transfer", std::string(33, 'a')},
                                                       {"correlation", ""},
                                                       {"correlation", std::string(65, 'c')},
                                                       {"size", "-1"},
                                                       {"size", "x"},
                                                       {"size", "99999999999999999999"},
                                                       {"size", ""},
                                                       {"offset", "7 "},
                                                       {"offset", "0x7"},
                                                       {"offset", "9223372036854775807"},
                                                       {"sha256", "00"},
                                                       {"sha256", std::string(64, 'g')},
                                                       {"report-to", "a/b"},
                                                       {"report-to", ".."}};
    for (const auto& one : bad) {
        CAPTURE(one.first);
        CAPTURE(one.second);
        CHECK_FALSE(read_head(message(with(kChunk, one.first, one.second))).has_value());
    }
    Headers without = kChunk;
    without.erase("offset");
    CHECK_FALSE(read_head(message(without)).has_value());
    CHECK_FALSE(read_head(message(with(without, "part", "offer"))).has_value());  // an offer has no hash
}

TEST_CASE("reports come back as they were written") {
    FileWord word;
    word.transfer = "t";
    word.correlation = "c";
    word.offset = 1ull << 40;
    for (const auto state : {FileWord::State::have, FileWord::State::back}) {
        word.state = state;
        const auto read = read_word(word_message(word, "alice"));
        REQUIRE(read.has_value());
        CHECK(read->state == state);
        CHECK(read->offset == 1ull << 40);
        CHECK(read->transfer == "t");
        CHECK(read->correlation == "c");
    }
    word.state = FileWord::State::saved;
    word.name = "a-1.txt";
    CHECK(read_word(word_message(word, "alice"))->name == "a-1.txt");
    word.state = FileWord::State::failed;
    word.error = {ErrorCode::too_large, "the disk is full"};
    const auto read = read_word(word_message(word, "alice"));
    CHECK(read->error.code == ErrorCode::too_large);
    CHECK(read->error.detail == "the disk is full");
    CHECK_FALSE(read_word(message({{"part", "report"}, {"state", "lost"}})).has_value());
    CHECK_FALSE(read_word(message({{"part", "report"}, {"state", "have"}})).has_value());
    CHECK_FALSE(read_word(message(kChunk)).has_value());
}

TEST_CASE("an id is that of name, size and identity together") {
    const std::string id = transfer_id("a.txt", 5, "v1");
    CHECK(id.size() == 32);
    CHECK(id == transfer_id("a.txt", 5, "v1"));
    CHECK(id == cast::base::sha256_hex(std::string("a.txt\0", 6) + std::string("5\0", 2) + std::string("v1\0", 3))
                    .substr(0, 32));
    for (const auto& other : {transfer_id("b.txt", 5, "v1"), transfer_id("a.txt", 6, "v1"),
                              transfer_id("a.txt", 5, "v2"), transfer_id("a.txt", std::nullopt, "v1")})
        CHECK(id != other);
    CHECK(code_named("mailbox_full") == ErrorCode::mailbox_full);
    CHECK(code_named("nonsense") == ErrorCode::internal);
}
