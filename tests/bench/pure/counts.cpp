// pure_counts: runs one operation so that valgrind can count its instructions (tests/bench/instructions.py).
// Not a clock: nothing here is timed. One thread at work.
#include <gnu/libc-version.h>

#include <cstdlib>
#include <exception>
#include <iostream>

#include "operations.hpp"

namespace {

constexpr const char* kUsage =
    "usage: pure_counts NAME MESSAGES   prepares the operation and runs it for so many messages (whole steps)\n"
    "       pure_counts --list          name, messages and batches of a step, messages that are enough to count\n"
    "       pure_counts --toolchain     what the counts depend on: compiler, C library, architecture\n";

void toolchain() {
#if defined(__clang__)
    std::cout << "clang-" << __clang_major__;
#else
    std::cout << "gcc-" << __GNUC__;
#endif
#if defined(__x86_64__)
    const char* architecture = "x86_64";
#elif defined(__aarch64__)
    const char* architecture = "aarch64";
#else
    const char* architecture = "other";
#endif
    std::cout << " glibc-" << gnu_get_libc_version() << " " << architecture << "\n";
}

void list() {
    for (const bench::Operation& o : bench::operations())
        std::cout << o.name << " " << o.messages << " " << o.batches << " " << o.steps * o.messages << "\n";
}

int run(const std::string& name, std::size_t messages) {
    for (const bench::Operation& o : bench::operations()) {
        if (o.name != name) continue;
        bench::be_threaded();
        const bench::Step step = o.prepare();
        for (std::size_t done = 0; done < messages; done += o.messages) step();
        return 0;
    }
    std::cerr << "pure_counts: no operation " << name << "\n";
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string first = argc > 1 ? argv[1] : "";
    try {
        if (argc == 3) return run(first, std::strtoull(argv[2], nullptr, 10));
        if (argc == 2 && first == "--list") return list(), 0;
        if (argc == 2 && first == "--toolchain") return toolchain(), 0;
    } catch (const std::exception& e) {
        std::cerr << "pure_counts: " << first << ": " << e.what() << "\n";
        return 1;
    }
    std::cerr << kUsage;
    return 2;
}
