// Operations: what the pure parts do for a message, each prepared once and then repeated step by step. The same
// functions are timed (pure_bench) and have their instructions counted (pure_counts). One thread; no socket, no clock.
#pragma once
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using Step = std::function<void()>;

struct Operation {
    std::string name;
    std::size_t messages = 1;       ///< handled by one step (for the ones named ack: acknowledgements)
    double batches = 1;             ///< that those travel in
    std::size_t steps = 1;          ///< enough of them to count: some million instructions
    std::function<Step()> prepare;  ///< makes the surroundings and warms them up; throws when they do not work
};

std::vector<Operation> wire_operations();
std::vector<Operation> client_operations();
std::vector<Operation> broker_operations();
std::vector<Operation> operations();

/// A program with libzmq in it has threads, and then memory and shared pointers take other paths: take those here too.
void be_threaded();

/// Makes the compiler believe that somebody looks at it.
template <class T>
void keep(const T& value) {
    asm volatile("" : : "g"(&value) : "memory");
}

inline void require(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}

/// The step, after it was done so often that buffers and tables have the size that they keep.
inline Step warmed_up(Step step, int times = 20) {
    for (int i = 0; i < times; ++i) step();
    return step;
}

}  // namespace bench
