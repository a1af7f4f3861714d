// descriptors.hpp: how the descriptors of the process are divided.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "descriptors.hpp"

using namespace broker;

TEST_CASE("with many descriptors clients and the page get what they want, and some are left") {
    Options options;
    const DescriptorPlan plan = plan_descriptors(524288, 3, options);
    CHECK(plan.page == 8192);
    CHECK(plan.clients >= options.max_connections);
    CHECK(plan.reserve + 2 * plan.page + 2 * plan.clients <= plan.limit);
}

TEST_CASE("with few of them the page gets a sixth at most, a client two, and the broker its own first") {
    for (std::size_t limit : {120u, 128u, 256u, 1024u, 4096u, 20000u}) {
        CAPTURE(limit);
        const DescriptorPlan plan = plan_descriptors(limit, 3, Options{});
        CHECK(plan.reserve >= 64);
        CHECK(plan.page >= 4);
        CHECK(plan.page <= (limit - plan.reserve) / 6);
        CHECK(plan.clients >= 6);
        CHECK(plan.reserve + 2 * plan.page + 2 * plan.clients <= limit);
        CHECK(static_cast<std::size_t>(plan.page_end) < limit);
        CHECK(plan.page_end - plan.client_end == static_cast<int>(plan.page));
        CHECK(static_cast<std::size_t>(plan.client_end) >= 2 * plan.clients + plan.page + 48);
    }
}

TEST_CASE("what is open at the start, ends and threads need more of them") {
    const DescriptorPlan plain = plan_descriptors(1000, 3, Options{});
    CHECK(plan_descriptors(1000, 103, Options{}).reserve == plain.reserve + 100);
    Options more;
    more.bind.assign(10, "tcp://127.0.0.1:0");
    more.io_threads = 16;
    CHECK(plan_descriptors(1000, 3, more).reserve == plain.reserve + 9 + 28);
    Options without_page;
    without_page.http = "off";
    CHECK(plan_descriptors(1000, 3, without_page).page == 0);
    CHECK(plan_descriptors(1000, 3, without_page).clients > plain.clients);
}

TEST_CASE("too few to serve anybody are refused with a sentence that says how many are needed") {
    std::size_t least = 0;
    for (std::size_t limit = 0; limit < 200 && least == 0; ++limit) {
        try {
            (void)plan_descriptors(limit, 3, Options{});
            least = limit;
        } catch (const std::runtime_error& error) {
            const std::string text = error.what();
            CHECK(text.find("the limit of open files is " + std::to_string(limit)) != std::string::npos);
            CHECK(text.find("ulimit -n") != std::string::npos);
        }
    }
    CHECK(least > 64);
    CHECK(least < 128);
}
