// A stream's usage, and the sums that follow from it: over all streams, and over a mailbox.
#include "core/usage.hpp"

#include <doctest/doctest.h>

#include <memory>

using broker::MailboxUsage;
using broker::Usage;
using broker::UsageTotals;

TEST_CASE("what a group holds counts among the totals, and in no mailbox") {
    UsageTotals totals;
    Usage group(totals);
    group.add(100, 10);
    group.remove(30, 3);
    CHECK(group.bytes() == 70);
    CHECK(group.messages() == 7);
    CHECK(totals.bytes() == 70);
    CHECK(totals.queued_messages() == 0);
}

TEST_CASE("lanes add up to their mailbox, and mailboxes to the totals, but for those of hidden nodes") {
    UsageTotals totals;
    MailboxUsage bob, reply;
    Usage high(totals, bob, false), low(totals, bob, false), hidden(totals, reply, true);
    high.add(100, 1);
    low.add(50, 2);
    hidden.add(10, 4);
    CHECK(bob.bytes() == 150);
    CHECK(bob.messages() == 3);
    CHECK(reply.messages() == 4);
    CHECK(totals.bytes() == 160);
    CHECK(totals.queued_messages() == 3);
    low.clear();
    CHECK(bob.bytes() == 100);
    CHECK(totals.queued_messages() == 1);
}

TEST_CASE("what is paged out is held, and takes no memory") {
    UsageTotals totals;
    Usage stream(totals);
    stream.add(100, 10);
    stream.page_out(60);
    CHECK(stream.bytes() == 100);
    CHECK(stream.paged_out_bytes() == 60);
    CHECK(totals.bytes() == 100);
    CHECK(totals.memory_bytes() == 40);
    stream.page_in(20);
    CHECK(totals.memory_bytes() == 60);
    stream.remove_paged_out(40, 4);
    CHECK(stream.messages() == 6);
    CHECK(totals.bytes() == 60);
    CHECK(totals.paged_out_bytes() == 0);
    stream.add_paged_out(5, 1);
    CHECK(totals.bytes() == 65);
    CHECK(totals.memory_bytes() == 60);
}

TEST_CASE("an orphaned lane leaves its mailbox, and counts what it has in memory") {
    UsageTotals totals;
    MailboxUsage bob;
    Usage lane(totals, bob, false);
    lane.add(100, 10);
    lane.page_out(60);
    lane.orphan();
    CHECK(bob.bytes() == 0);
    CHECK(bob.messages() == 0);
    CHECK(totals.queued_messages() == 0);
    CHECK(totals.bytes() == 40);
    CHECK(totals.memory_bytes() == 40);
    CHECK(lane.bytes() == 100);
    lane.page_in(60);
    CHECK(totals.bytes() == 100);
    lane.remove(100, 10);
    CHECK(totals.bytes() == 0);
}

TEST_CASE("a stream that ends takes what it held out of the sums") {
    UsageTotals totals;
    MailboxUsage bob;
    auto lane = std::make_unique<Usage>(totals, bob, false);
    lane->add(100, 10);
    lane->page_out(60);
    lane.reset();
    CHECK(bob.bytes() == 0);
    CHECK(totals.bytes() == 0);
    CHECK(totals.paged_out_bytes() == 0);
    CHECK(totals.queued_messages() == 0);
}
