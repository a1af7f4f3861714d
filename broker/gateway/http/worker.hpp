// Worker: the way out of the gateway's one thread, for calls that block.
#pragma once
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "gateway/http/request.hpp"
#include "gateway/net.hpp"

namespace gateway {

/// What a task on a worker thread came to: its answer, or what it threw, as plain values.
template <class T>
struct Worked {
    struct Fault {
        int status;
        std::string code, message, hint;
    };
    std::optional<T> answer;  ///< T need not have a default
    std::optional<Fault> fault;
};

/// Runs `work` here, on the worker. An exception does not leave the thread that threw it: its object would be freed by
/// the one of two threads that lets go last.
template <class Work>
auto work_through(Work& work) -> Worked<decltype(work())> {
    try {
        return {work(), std::nullopt};
    } catch (const Failure& f) {
        return {std::nullopt, {{f.status, f.code, f.what(), f.hint}}};
    } catch (const std::exception& f) {
        return {std::nullopt, {{500, "internal", f.what(), "please report it"}}};
    }
}

/// Runs `work`, which may block, on a thread of the pool, and comes back to the caller's thread with its answer; what
/// it threw is thrown there, as a Failure (500 for what was none). It takes a variable, not a temporary: GCC 12
/// destroys closures twice that stand in a co_await.
template <class Work>
auto on_worker(asio::thread_pool& pool, Work& work) -> awaitable<decltype(work())> {
    using Outcome = Worked<decltype(work())>;
    auto run = [](Work* task) -> awaitable<Outcome> { co_return work_through(*task); };
    awaitable<Outcome> running = run(&work);
    Outcome outcome = co_await asio::co_spawn(pool, std::move(running), asio::use_awaitable);
    if (const auto& fault = outcome.fault) throw Failure(fault->status, fault->code, fault->message, fault->hint);
    co_return std::move(*outcome.answer);
}

}  // namespace gateway
