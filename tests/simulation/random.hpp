// Random: the one source of chance in a simulated run (splitmix64). The same seed gives the same run on every
// machine, which no distribution of <random> promises.
#pragma once
#include <cstdint>

namespace sim {

/// For printf-like formats.
inline unsigned long long ull(std::uint64_t value) { return value; }

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15u;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    /// 0 to n - 1; 0 for n = 0.
    std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
    /// `from` to `to`, both included.
    std::int64_t between(std::int64_t from, std::int64_t to) {
        return from + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(to - from) + 1));
    }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    bool percent(int p) { return static_cast<int>(below(100)) < p; }
    template <class List>
    auto& pick(List& list) {
        return list[static_cast<std::size_t>(below(list.size()))];
    }

private:
    std::uint64_t state_;
};

}  // namespace sim
