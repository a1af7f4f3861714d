// The sender's books of its receivers: how far it may go ahead, who gets what again, who is given up.
#include <doctest/doctest.h>

#include "src/transfer/transfer_window.hpp"

using namespace cast;
using namespace cast::detail;
using State = FileTaker::State;

namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::int64_t kSecond = 1000000;

FileWord word(FileWord::State state, std::uint64_t offset = 0) {
    FileWord w;
    w.state = state;
    w.offset = offset;
    return w;
}
FileWord have(std::uint64_t offset) { return word(FileWord::State::have, offset); }
FileWord back(std::uint64_t offset) { return word(FileWord::State::back, offset); }

State state(const FileWindow& window, const char* node) { return window.find(node)->state; }

}  // namespace

TEST_CASE("nobody who has not reported holds the sender up; the slowest that has does") {
    FileWindow window;
    FilePlace place;
    CHECK(window.may_go(100 * kMiB));
    window.heard("bob", have(0), place, 0);
    CHECK(window.may_go(8 * kMiB));
    CHECK_FALSE(window.may_go(8 * kMiB + 1));
    window.heard("carl", have(3 * kMiB), place, 0);
    CHECK_FALSE(window.may_go(9 * kMiB));
    window.heard("bob", have(2 * kMiB), place, 0);
    CHECK(window.may_go(10 * kMiB));
    CHECK(window.floor(0) == 0);
    CHECK(window.floor(50 * kMiB) == 2 * kMiB);
    window.heard("bob", word(FileWord::State::failed), place, 0);
    CHECK(window.may_go(11 * kMiB));
}

TEST_CASE("who lacks something recent gets it at once and the others wait; then all go on") {
    FileWindow window;
    FilePlace place{10 * kMiB, 2 * kMiB, true, false};
    window.heard("bob", back(4 * kMiB), place, 0);
    CHECK(state(window, "bob") == State::behind);
    CHECK_FALSE(window.may_go(10 * kMiB));
    auto& bob = window.takers().find("bob")->second;
    CHECK(bob.repair == 4 * kMiB);
    CHECK(bob.repair_to == 10 * kMiB);
    window.heard("bob", have(9 * kMiB), place, 0);
    CHECK(state(window, "bob") == State::behind);
    bob.repaired = bob.ask_now = true;
    CHECK(window.to_ask(place, 0) == std::vector<std::string>{"bob"});
    CHECK(window.to_ask(place, 0).empty());
    window.heard("bob", have(10 * kMiB), place, 0);
    CHECK(state(window, "bob") == State::taking);
    CHECK(window.may_go(11 * kMiB));
}

TEST_CASE("who lacks more waits for the end if the file can be read again, else it has failed") {
    FileWindow window;
    FilePlace place{100 * kMiB, 92 * kMiB, true, false};
    window.heard("bob", back(0), place, 0);
    CHECK(state(window, "bob") == State::overdue);
    CHECK(window.may_go(101 * kMiB));
    CHECK_FALSE(window.all_over());
    place.reread = false;
    window.heard("carl", back(0), place, 0);
    CHECK(state(window, "carl") == State::failed);
    CHECK(window.find("carl")->error.code == ErrorCode::expired);
    place = {120 * kMiB, 112 * kMiB, true, true};
    window.take_up_overdue(place, 0);
    CHECK(state(window, "bob") == State::behind);
    CHECK(window.find("bob")->repair == 0);
    CHECK(window.find("bob")->repair_to == 120 * kMiB);
}

TEST_CASE("who twice answers the same although more was sent has lost it") {
    FileWindow window;
    FilePlace place{8 * kMiB, 0, false, false};
    window.heard("bob", have(2 * kMiB), place, 0);
    CHECK(window.to_ask(place, kSecond / 2).empty());
    CHECK(window.to_ask(place, kSecond).size() == 1);
    window.heard("bob", have(2 * kMiB), place, kSecond);
    CHECK(state(window, "bob") == State::taking);
    CHECK(window.to_ask(place, 2 * kSecond).size() == 1);
    window.heard("bob", have(2 * kMiB), place, 2 * kSecond);
    CHECK(state(window, "bob") == State::behind);
    CHECK(window.find("bob")->repair == 2 * kMiB);
}

TEST_CASE("who has got on between two answers has lost nothing") {
    FileWindow window;
    FilePlace place{8 * kMiB, 0, false, false};
    window.heard("bob", have(2 * kMiB), place, 0);
    for (std::int64_t at = 1; at < 5; ++at) {
        REQUIRE(window.to_ask(place, 10 * at * kSecond).size() == 1);
        window.heard("bob", have(2 * kMiB + static_cast<std::uint64_t>(at)), place, 10 * at * kSecond);
        CHECK(state(window, "bob") == State::taking);
    }
}

TEST_CASE("who owes an answer for too long is given up; who has all that was sent owes none") {
    FileWindow window;
    FilePlace place{8 * kMiB, 0, false, false};
    window.heard("slow", have(0), place, 0);
    window.heard("well", have(8 * kMiB), place, 0);
    CHECK_FALSE(window.give_up(place, 29 * kSecond, 30 * kSecond));
    CHECK(window.give_up(place, 30 * kSecond, 30 * kSecond));
    CHECK(state(window, "slow") == State::failed);
    CHECK(window.find("slow")->error.code == ErrorCode::timed_out);
    CHECK(state(window, "well") == State::taking);
    place.ended = true;  // now it owes the word that it is saved
    CHECK_FALSE(window.give_up(place, 59 * kSecond, 30 * kSecond));
    window.heard("well", word(FileWord::State::saved), place, 59 * kSecond);
    CHECK_FALSE(window.give_up(place, 100 * kSecond, 30 * kSecond));
    CHECK(window.saved() == 1);
    CHECK(window.all_over());
    window.heard("slow", word(FileWord::State::saved), place, 100 * kSecond);  // late, but true
    CHECK(window.saved() == 2);
}

TEST_CASE("a receiver that wants the same bytes again and again does not hold the others up for ever") {
    FileWindow window;
    FilePlace place{8 * kMiB, 0, false, false};
    int times = 0;
    while (window.find("mad") == nullptr || state(window, "mad") == State::behind) {
        window.heard("mad", back(0), place, 0);
        REQUIRE(++times < 100);
    }
    CHECK(state(window, "mad") == State::failed);
    window.heard("honest", back(100 * kMiB), place, 0);  // of another sender of this file
    CHECK(state(window, "honest") == State::taking);
}

TEST_CASE("a receiver that the broker does not know any more has some seconds to come back") {
    FileWindow window;
    FilePlace place{2 * kMiB, 0, false, false};
    CHECK_FALSE(window.gone("never heard of", 0));
    window.heard("bob", have(2 * kMiB), place, 0);
    window.heard("carl", have(2 * kMiB), place, 0);
    CHECK(window.gone("bob", kSecond));
    CHECK(window.gone("carl", kSecond));
    CHECK(window.to_ask(place, 2 * kSecond).size() == 2);
    window.heard("carl", have(2 * kMiB), place, 2 * kSecond);
    CHECK(window.gone("bob", 3 * kSecond));
    CHECK_FALSE(window.give_up(place, 5 * kSecond, 30 * kSecond));
    CHECK(window.give_up(place, 6 * kSecond, 30 * kSecond));
    CHECK(window.find("bob")->error.code == ErrorCode::no_such_node);
    CHECK(state(window, "carl") == State::taking);
    CHECK_FALSE(window.gone("bob", 7 * kSecond));
}
