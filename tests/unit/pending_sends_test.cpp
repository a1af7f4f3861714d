// libcast/src/outbound/pending_sends.hpp: an outcome for each asynchronous send, and the word to go on. No
// sockets, no clock.
#include <doctest/doctest.h>

#include <deque>
#include <string>

#include "src/outbound/pending_sends.hpp"

namespace {

constexpr cast::ErrorCode kOverdue = cast::ErrorCode::timed_out;

struct PendingFixture {
    cast::detail::Outbound outbound{7};
    cast::detail::PendingSends sends;
    cast::detail::ClientOutbox frames;
    std::deque<cast::Outcome> out;

    PendingFixture() { outbound.online(frames); }

    /// Whether it was taken.
    bool send(std::string_view target, std::size_t size, cast::SendToken token, std::int64_t deadline_us,
              std::uint8_t flags = 0) {
        const std::string payload(size, 'x');
        cast::detail::OutgoingRecord p;
        p.sender = "alice";
        p.target = target;
        p.type = "text";
        p.payload = payload;
        p.flags = flags;
        p.deadline_us = deadline_us;
        if (!sends.room(outbound, p, size, true)) return sends.blocked(p, size, true, token, 0), false;
        p.token = sends.add(p, size, token, 0, deadline_us);
        outbound.add(p, frames);
        return true;
    }
    void receipt(std::uint64_t through, const std::vector<cast::wire::Outcome>& refused = {}) {
        outbound.receipt(through, refused, 0, frames);
    }
    /// "token:what" of the outcomes that are known.
    std::string announced() {
        sends.collect(outbound, out);
        std::string text;
        for (const cast::Outcome& o : out) {
            text += (text.empty() ? "" : " ") + std::to_string(o.token) + ":";
            text += o.kind == cast::Outcome::Kind::room        ? "room"
                    : o.kind == cast::Outcome::Kind::delivered ? "delivered"
                    : o.kind == cast::Outcome::Kind::accepted  ? "accepted"
                                                               : cast::error_name(o.code);
        }
        out.clear();
        return text;
    }
};

}  // namespace

TEST_CASE_FIXTURE(PendingFixture, "an asynchronous send is accepted, refused or delivered, once") {
    CHECK(send("bob", 10, 1, 1000));
    CHECK(send("nobody", 10, 2, 1000));
    CHECK(send("bob", 10, 3, 1000, cast::wire::kWantsDelivered));
    CHECK(announced().empty());
    receipt(3, {{2, cast::ErrorCode::no_such_node}});
    CHECK(announced() == "1:accepted 2:no_such_node");
    outbound.delivered({{3, cast::ErrorCode::ok}});
    CHECK(announced() == "3:delivered");
    CHECK(sends.tick(5000, kOverdue, outbound) == cast::detail::kForever);
    CHECK(announced().empty());
}

TEST_CASE_FIXTURE(PendingFixture, "whose time is over is taken back from a full target, or may still be taken") {
    CHECK(send("full", 10, 1, 3000));
    receipt(1, {{1, cast::ErrorCode::mailbox_full}});
    CHECK(send("full", 10, 2, 2000));  // waits behind it, with less time
    CHECK(send("bob", 10, 3, 1000));
    CHECK(sends.tick(0, kOverdue, outbound) == 1000);
    CHECK(sends.tick(1000, kOverdue, outbound) == 2000);
    CHECK(announced() == "3:timed_out");
    receipt(2);  // too late to be told
    CHECK(announced().empty());
    CHECK(sends.tick(2000, kOverdue, outbound) == 3000);
    CHECK(announced() == "2:mailbox_full");
    CHECK(sends.tick(3000, kOverdue, outbound) == cast::detail::kForever);
    CHECK(announced() == "1:mailbox_full");
    CHECK(outbound.settled(outbound.added()));  // nothing of it is sent any more
}

TEST_CASE_FIXTURE(PendingFixture, "an outcome that is known when the time is over counts") {
    CHECK(send("bob", 10, 1, 1000));
    receipt(1);
    sends.tick(2000, kOverdue, outbound);
    CHECK(announced() == "1:accepted");
}

TEST_CASE_FIXTURE(PendingFixture, "who was told would_block hears of room once for each target") {
    cast::SendToken token = 0;
    while (send("bob", 100000, token, cast::detail::kForever)) ++token;
    CHECK_FALSE(send("bob", 100000, 998, cast::detail::kForever));
    CHECK_FALSE(send("carol", 100000, 999, cast::detail::kForever));
    CHECK(announced().empty());
    receipt(token);
    const std::string text = announced();
    CHECK(text.ends_with(std::to_string(token) + ":room 999:room"));
    CHECK(text.find("998") == std::string::npos);
    CHECK(announced().empty());
    CHECK(send("bob", 100000, token, cast::detail::kForever));
}

TEST_CASE_FIXTURE(PendingFixture, "what waits at full targets takes no room from the others, up to 64 MiB in all") {
    std::uint64_t batch = 0;
    cast::SendToken token = 0;
    for (; token < 67; ++token) {  // to a target each
        if (!send("full" + std::to_string(token), 1000000, token, cast::detail::kForever)) break;
        ++batch;
        receipt(batch, {{batch, cast::ErrorCode::mailbox_full}});
    }
    CHECK(token == 67);  // 67 MB are less than 64 MiB
    CHECK_FALSE(send("bob", 1000000, token, cast::detail::kForever));
    CHECK(send("bob", 1000, token, cast::detail::kForever));
    CHECK(outbound.room(cast::wire::Cast::unicast, "carol", 100000));  // nor from those who wait themselves
}

TEST_CASE_FIXTURE(PendingFixture, "a deadline before the one that was told is hurried for, once") {
    CHECK_FALSE(sends.hurries());
    send("bob", 10, 1, 5000);
    CHECK(sends.hurries());
    CHECK_FALSE(sends.hurries());
    send("bob", 10, 2, 6000);
    CHECK_FALSE(sends.hurries());
    CHECK(sends.tick(0, kOverdue, outbound) == 5000);
    send("bob", 10, 3, 4000);
    CHECK(sends.hurries());
}

TEST_CASE_FIXTURE(PendingFixture, "at the end all that has no outcome gets this one, in the order of sending") {
    for (cast::SendToken token = 1; token < 4; ++token) send("bob", 10, token, 9000 - static_cast<int>(token));
    receipt(1);
    sends.collect(outbound, out);
    sends.end(cast::ErrorCode::closed, out);
    CHECK(announced() == "1:accepted 2:closed 3:closed");
}
