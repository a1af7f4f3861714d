// The simulation: thousands of seeded runs of a real broker core and real client sessions against the contract.
// simulation [--first SEED] [--seeds N] [--steps N] [--replay SEED] [--verbose]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "simulation/world.hpp"

namespace {

struct Arguments {
    std::uint64_t first = 1;
    std::uint64_t seeds = 1000;
    int steps = 200;
    int most_failures = 5;
    bool verbose = false;
};

bool read(int count, char** words, Arguments& a) {
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--verbose") {
            a.verbose = true;
            continue;
        }
        if (i + 1 == count) return false;
        const std::uint64_t value = std::strtoull(words[++i], nullptr, 10);
        if (word == "--first")
            a.first = value;
        else if (word == "--seeds")
            a.seeds = value;
        else if (word == "--steps")
            a.steps = static_cast<int>(value);
        else if (word == "--failures")
            a.most_failures = static_cast<int>(value);
        else if (word == "--replay")
            a.first = value, a.seeds = 1;
        else
            return false;
    }
    return true;
}

struct Totals {
    std::uint64_t digest = 0, taken = 0, deliveries = 0, turns = 0;
    int failures = 0;
};

void run(std::uint64_t seed, const Arguments& a, Totals& totals) {
    sim::World world(seed, a.verbose);
    try {
        world.run(a.steps);
    } catch (const sim::Violation& violation) {
        ++totals.failures;
        world.describe();
        std::printf("seed %llu, step %d, %.6f s: %s\n  replay: simulation --replay %llu --steps %d --verbose\n",
                    sim::ull(seed), world.at_step(), static_cast<double>(world.now()) / 1e6, violation.what(),
                    sim::ull(seed), a.steps);
        std::fflush(stdout);
    }
    totals.digest = totals.digest * 31 + world.digest();
    totals.taken += world.oracle().taken();
    totals.deliveries += world.oracle().deliveries();
    totals.turns += world.daemon().turns();
}

}  // namespace

int main(int count, char** words) {
    Arguments a;
    if (!read(count, words, a)) {
        std::fprintf(
            stderr,
            "usage: simulation [--first SEED] [--seeds N] [--steps N] [--failures N] [--replay SEED] [--verbose]\n");
        return 2;
    }
    const auto start = std::chrono::steady_clock::now();
    Totals totals;
    std::uint64_t seed = a.first;
    for (; seed < a.first + a.seeds && totals.failures < a.most_failures; ++seed) run(seed, a, totals);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf(
        "%llu seeds of %d steps in %.1f s: %llu messages taken, %llu handled, %llu turns, %d failures, digest "
        "%016llx\n",
        sim::ull((seed - a.first)), a.steps, took.count(), sim::ull(totals.taken), sim::ull(totals.deliveries),
        sim::ull(totals.turns), totals.failures, sim::ull(totals.digest));
    return totals.failures == 0 ? 0 : 1;
}
