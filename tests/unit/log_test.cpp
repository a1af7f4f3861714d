// log_text.hpp, log_limit.hpp: what may stand in the log, and how much of it clients may cause.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "server/log_limit.hpp"
#include "server/log_text.hpp"

using namespace broker;

TEST_CASE("plain text of any language stands in the log as it is") {
    for (const char* text : {"", "serving nodes at tcp://127.0.0.1:5570", "Zo\xc3\xab", "\xe6\xb6\x88\xe6\x81\xaf",
                             "\xf0\x9f\x90\x9f", "a 'quoted' \"name\""})
        CHECK(log_text(text) == text);
}

TEST_CASE("what could end a line, steer a terminal or turn the direction is escaped") {
    using namespace std::string_view_literals;
    CHECK(log_text("a\nb") == "a\\nb");
    CHECK(log_text("\x1b[2J\r\t\x7f") == "\\x1b[2J\\x0d\\x09\\x7f");
    CHECK(log_text("\0"sv) == "\\x00");
    CHECK(log_text("\xc2\x9b"
                   "2J") == "\\u009b2J");  // CSI as one letter
    CHECK(log_text("a\xe2\x80\xae"
                   "b") == "a\\u202eb");                              // right to left
    CHECK(log_text("\xe2\x80\xa8\xe2\x81\xa6") == "\\u2028\\u2066");  // a line separator, an isolate
    CHECK(log_text("C:\\n") == "C:\\\\n");                            // so that nobody can write \n himself
}

TEST_CASE("bytes that are no UTF-8 are shown by their numbers") {
    CHECK(log_text("\xff") == "\\xff");
    CHECK(log_text("a\xc3") == "a\\xc3");
    CHECK(log_text("\xc0\xaf") == "\\xc0\\xaf");           // too long for what it says
    CHECK(log_text("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // half of a pair
    CHECK(log_text("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
    CHECK(log_text("\x80"
                   "b") ==
          "\\x80"
          "b");
}

TEST_CASE("clients may cause a burst of lines, and then so many a second; the others are counted") {
    LogLimit limit;
    std::int64_t now = 1'000'000;
    int written = 0;
    for (int i = 0; i < 1000; ++i) written += limit.take(now) ? 1 : 0;
    CHECK(written == LogLimit::kBurst);
    CHECK(limit.left_out() == 1000 - LogLimit::kBurst);
    CHECK(limit.unreported() == limit.left_out());
    limit.mark_reported();
    CHECK(limit.unreported() == 0);
    written = 0;
    for (int ms = 0; ms < 10'000; ++ms) written += limit.take(now += 1000) ? 1 : 0;
    CHECK(written == 10 * LogLimit::kPerSecond);
    CHECK(limit.unreported() == 10'000u - 10 * LogLimit::kPerSecond);
    now += 3600'000'000ll;  // an hour without any does not save up more than a burst
    written = 0;
    for (int i = 0; i < 1000; ++i) written += limit.take(now) ? 1 : 0;
    CHECK(written == LogLimit::kBurst);
}

TEST_CASE("a clock that stands still or goes back gives no lines away") {
    LogLimit limit;
    for (int i = 0; i < 1000; ++i) (void)limit.take(0);
    CHECK_FALSE(limit.take(-5'000'000));
    CHECK_FALSE(limit.take(0));
}
