// core/statistics.hpp: the histogram's percentiles and the rates.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "core/statistics.hpp"

using namespace broker;

TEST_CASE("an empty histogram answers 0") {
    const Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.percentile(0.5) == 0);
    CHECK(histogram.max() == 0);
}

TEST_CASE("small values are exact") {
    Histogram histogram;
    for (std::uint64_t v = 0; v < 16; ++v) histogram.add(v);
    CHECK(histogram.percentile(1.0 / 16) == 0);
    CHECK(histogram.percentile(0.5) == 7);
    CHECK(histogram.percentile(1.0) == 15);
    CHECK(histogram.percentile(0.0) == 0);
}

TEST_CASE("percentiles are within 7 % of the truth and never above the largest value") {
    std::mt19937_64 random(5);
    std::vector<std::uint64_t> values;
    Histogram histogram;
    for (int i = 0; i < 20000; ++i) {
        values.push_back(random() >> (random() % 64));
        histogram.add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (double p : {0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0}) {
        const auto truth =
            static_cast<double>(values[static_cast<std::size_t>(std::max(0.0, std::ceil(p * 20000) - 1))]);
        const auto got = static_cast<double>(histogram.percentile(p));
        CAPTURE(p);
        CHECK(got >= truth * 0.999);
        CHECK(got <= truth * 1.07 + 1);
        CHECK(histogram.percentile(p) <= histogram.max());
    }
    CHECK(histogram.max() == values.back());
}

TEST_CASE("the largest numbers have their place") {
    Histogram histogram;
    histogram.add(~0ull);
    histogram.add(1ull << 63);
    CHECK(histogram.count() == 2);
    CHECK(histogram.percentile(1.0) == ~0ull);
    CHECK(histogram.max() == ~0ull);
}

TEST_CASE("rates are means over the last seconds, or over what there is") {
    Statistics statistics;
    CHECK(statistics.rate(1).messages_in == 0);
    for (int second = 0; second <= 20; ++second) {
        statistics.sample(second * kSecond);
        statistics.sample(second * kSecond + 500 * kMs);  // too early: not taken
        statistics.flow.messages_in += second < 15 ? 100 : 10;
        statistics.flow.bytes_out += 1000;
    }
    CHECK(statistics.rate(1).messages_in == doctest::Approx(10));
    CHECK(statistics.rate(10).messages_in == doctest::Approx((5 * 100 + 5 * 10) / 10.0));
    CHECK(statistics.rate(60).messages_in == doctest::Approx((15 * 100 + 5 * 10) / 20.0));
    CHECK(statistics.rate(10).bytes_out == doctest::Approx(1000));
}

TEST_CASE("the longest turn is that of the last minute, or of all") {
    broker::Statistics s;
    s.took(900);
    for (std::int64_t second = 1; second <= 100; ++second) {
        s.sample(second * broker::kSecond);
        s.took(100 + static_cast<std::uint64_t>(second));
        if (second == 50) CHECK(s.longest_turn_us() == 900);
    }
    CHECK(s.turns == 101);
    CHECK(s.longest_turn_us() == 200);
    CHECK(s.longest_turn_ever_us() == 900);
}

TEST_CASE("rates look back over the right samples after many of them") {
    Statistics statistics;
    for (int second = 0; second <= 1000; ++second) {
        statistics.sample(second * kSecond);
        statistics.flow.messages_out += static_cast<std::uint64_t>(second);
    }
    CHECK(statistics.rate(1).messages_out == doctest::Approx(999));
    CHECK(statistics.rate(60).messages_out == doctest::Approx((940 + 999) / 2.0));
}
