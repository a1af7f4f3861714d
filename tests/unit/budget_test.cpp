// gateway/http/budget.hpp: who holds how much of the page's memory, and who goes when it is spent.
#include <doctest/doctest.h>

#include <cstddef>
#include <list>
#include <memory>

#include "gateway/http/budget.hpp"

using gateway::Budget;

namespace {

struct Fixture {
    Budget budget;
    std::list<int> ended;  ///< numbers of those that were ended for others
    int number = 0;

    std::unique_ptr<Budget::Hold> hold(std::size_t bytes) {
        auto made = std::make_unique<Budget::Hold>(budget, [this, n = ++number] { ended.push_back(n); });
        CHECK(made->set(bytes));
        return made;
    }
};

constexpr std::size_t kHalf = Budget::kBytes / 2;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "when all is held the one that has held something for longest goes") {
    const auto first = hold(kHalf), second = hold(kHalf - 1);
    CHECK(first->set(kHalf + 1));  // it may change: its turn stays
    CHECK(ended.empty());
    const auto third = hold(1);
    CHECK(ended == std::list<int>{1});
    CHECK(first->ended());
    CHECK_FALSE(first->set(1));
    CHECK_FALSE(second->ended());
    CHECK(budget.bytes() == kHalf);
    CHECK(budget.ended() == 1);
    first->release();
    CHECK(first->set(1));  // anew
}

TEST_CASE_FIXTURE(Fixture, "who asks for more than there is goes itself, and is not called") {
    const auto large = hold(1);
    CHECK_FALSE(large->set(Budget::kBytes + 1));
    CHECK(ended.empty());
    CHECK(budget.bytes() == 0);
}

TEST_CASE_FIXTURE(Fixture, "what is at work is not ended, and there is only so much of it") {
    std::list<std::unique_ptr<Budget::Hold>> holds;
    const auto work = [&](std::size_t bytes) {
        holds.push_back(hold(bytes));
        return holds.back()->work();
    };
    const std::size_t large = Budget::kLargeWork / 4;
    for (int i = 0; i < 4; ++i) CHECK(work(large));
    CHECK_FALSE(work(Budget::kSmall + 1));  // large ones leave room...
    std::size_t small = 0;
    while (work(Budget::kSmall)) ++small;  // ...for small ones
    CHECK(small == (Budget::kWork - Budget::kLargeWork) / Budget::kSmall);
    const auto hanging = hold(Budget::kBytes - Budget::kWork), other = hold(1);
    CHECK(hanging->ended());
    CHECK(ended.size() == 1);  // nobody who is at work
    holds.front()->release();
    CHECK(work(large));
    holds.clear();
    CHECK(budget.bytes() == 1);
}
