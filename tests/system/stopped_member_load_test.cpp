// A member that stands still for ten seconds: nobody is stalled, and it catches up or is told its gap. A real broker,
// the real library, nodectl as the member. Needs the whole machine.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <thread>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

namespace {

using Clock = std::chrono::steady_clock;

/// A team of a stopped program and two healthy members, and a sender that goes on and on.
class Team {
public:
    explicit Team(std::vector<std::string> flags)
        : broker_(std::move(flags)), admin_(administer(broker_)), sender_(attach(broker_, "sender")) {
        for (int i = 0; i < 2; ++i) {
            members_.push_back(attach(broker_, "healthy" + std::to_string(i)));
            must(members_.back().join("team"));
        }
        program_ =
            Process({program("nodectl"), "--broker", broker_.url(), "recv", "stopped", "--group", "team", "--raw"},
                    broker_.path("out"), broker_.path("err"));
        if (!eventually([&] { return must(admin_.group("team")).members.size() == 3; }))
            fail_test("the member does not join");
        for (std::size_t i = 0; i < 2; ++i) threads_.emplace_back([this, i] { watch(i); });
        threads_.emplace_back([this] { send(); });
    }
    ~Team() {
        stop_ = true;
        for (auto& thread : threads_)
            if (thread.joinable()) thread.join();
    }

    Process& member() { return program_; }
    std::string output() const { return read_file(broker_.path("out")); }
    std::string errors() const { return read_file(broker_.path("err")); }
    int sent() const { return sent_; }
    int received() const { return received_; }
    /// The longest time that a healthy member was without a message, since the last call.
    double longest_stall() { return static_cast<double>(stall_us_.exchange(0)) / 1e6; }
    /// Ends the sending; both healthy members have everything.
    void finish() {
        enough_ = true;
        threads_[2].join();
        CHECK(eventually([&] { return received_ == 2 * sent_; }));
        must(sender_.flush(scaled(20000)));
        stop_ = true;
    }

private:
    void send() {
        const std::string filler(400, 'x');
        auto next = Clock::now();
        while (!enough_) {
            for (int i = 0; i < 10; ++i) {
                if (!sender_.multicast("team", std::to_string(sent_) + " " + filler)) return;
                ++sent_;
            }
            std::this_thread::sleep_until(next += milliseconds(5));
        }
    }
    void watch(std::size_t i) {
        auto last = Clock::now();
        int expected = 0;
        while (!stop_) {
            (void)members_[i].receive_some(
                [&](const Message& m) {
                    if (std::atoi(std::string(m.payload()).c_str()) == expected++) ++received_;
                    const auto now = Clock::now();
                    const std::int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(now - last).count();
                    std::int64_t most = stall_us_;
                    while (us > most && !stall_us_.compare_exchange_weak(most, us)) {
                    }
                    last = now;
                },
                milliseconds(200));
        }
    }

    BrokerProcess broker_;
    Admin admin_;
    Node sender_;
    std::vector<Node> members_;
    Process program_;
    std::vector<std::thread> threads_;
    std::atomic<bool> enough_{false}, stop_{false};
    std::atomic<int> sent_{0}, received_{0};
    std::atomic<std::int64_t> stall_us_{0};
};

/// The numbers that the program printed, or an empty list when they do not ascend.
std::vector<int> ascending(const std::string& output) {
    std::istringstream lines(output);
    std::string line;
    std::vector<int> numbers;
    while (std::getline(lines, line)) {
        numbers.push_back(std::atoi(line.c_str()));
        if (numbers.size() > 1 && numbers[numbers.size() - 2] >= numbers.back()) return {};
    }
    return numbers;
}

constexpr double kLongest = 3;  // seconds: who waits for the one that is stopped waits for ten

}  // namespace

TEST_CASE(
    "a member stopped for ten seconds stalls nobody; then it catches up, or knows its gap when the stream is small") {
    // Who is silent for longer than dead-after (10 s) is taken for lost, rightly: it is to be a stop, not an end.
    Team keeping({"--dead-after", "60s"}), small({"--dead-after", "60s", "--group-bytes", "2MiB"});
    for (Team* team : {&keeping, &small}) REQUIRE(eventually([&] { return team->received() > 1000; }));
    for (Team* team : {&keeping, &small}) team->member().signal(SIGSTOP);
    for (Team* team : {&keeping, &small}) (void)team->longest_stall();
    const int before[] = {keeping.received(), small.received()};
    std::this_thread::sleep_for(std::chrono::seconds(10));  // what is to be shown
    const double stalls[] = {keeping.longest_stall(), small.longest_stall()};
    for (Team* team : {&keeping, &small}) team->member().signal(SIGCONT);
    for (int i = 0; i < 2; ++i) {
        Team& team = i == 0 ? keeping : small;
        CAPTURE(i);
        CHECK(stalls[i] < kLongest);
        CHECK(team.received() - before[i] > 20000);  // about 2 x 20,000
        MESSAGE("longest stall of the others: " << stalls[i] << " s; they received " << team.received() - before[i]);
    }
    std::this_thread::sleep_for(milliseconds(500));
    for (Team* team : {&keeping, &small}) {
        team->finish();
        CHECK(team->longest_stall() < kLongest);
        const std::string last = std::to_string(team->sent() - 1) + " ";
        CHECK(eventually([&] { return team->output().rfind("\n" + last) != std::string::npos; }, 20000));
        team->member().signal(SIGTERM);
        CHECK(team->member().wait(scaled(10000)) == 0);
    }
    const std::vector<int> all = ascending(keeping.output()), some = ascending(small.output());
    CHECK(all.size() == static_cast<std::size_t>(keeping.sent()));
    CHECK(some.size() > 1000);
    CHECK(some.size() < static_cast<std::size_t>(small.sent()));
    CHECK(small.errors().find("retention") != std::string::npos);
    CHECK(keeping.errors() == "");
}
