// pure_bench: times the operations with Google Benchmark; items are messages. One thread at work.
#include <benchmark/benchmark.h>

#include <exception>

#include "operations.hpp"

namespace {

void run(benchmark::State& state, const bench::Operation& operation) {
    try {
        const bench::Step step = operation.prepare();
        for (auto _ : state) step();
        state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(operation.messages));
    } catch (const std::exception& e) {
        state.SkipWithError(e.what());
    }
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    bench::be_threaded();
    for (const bench::Operation& operation : bench::operations())
        benchmark::RegisterBenchmark(operation.name.c_str(),
                                     [operation](benchmark::State& state) { run(state, operation); });
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
