// start_thread(): a thread of libcast's own. It takes no signals, which are the program's threads' to take; and the
// system may have none left, which is an error and not an exception. An exception that leaves the thread's function
// (a program's callback has thrown) ends the program where it was thrown. Any thread.
#pragma once
#include <signal.h>
#include <cast/result.hpp>

#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace cast::detail {

template <class Run>
Result<std::thread> start_thread(Run&& run) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    Result<std::thread> result = Error{ErrorCode::too_many, {}};
    try {
        result = std::thread([run = std::forward<Run>(run)]() mutable noexcept { run(); });
    } catch (const std::system_error& error) {
        result = Error{ErrorCode::too_many, std::string("the system gives no more threads: ") + error.what()};
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return result;
}

}  // namespace cast::detail
