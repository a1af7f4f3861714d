// The log, over spdlog's asynchronous logger. Any thread; `Stderr` is the writing thread's alone.
#include "server/log.hpp"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "server/log_limit.hpp"
#include "server/log_text.hpp"

namespace broker {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::trace: return spdlog::level::trace;
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: break;
    }
    return spdlog::level::err;
}

/// False when they cannot be written. A pipe that nobody reads holds the writing thread here, and nobody else.
bool write_all(const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t written = ::write(STDERR_FILENO, data, size);
        if (written >= 0) {
            data += written;
            size -= static_cast<std::size_t>(written);
        } else if (errno == EAGAIN) {  // somebody else who has it made it non-blocking
            pollfd fd{STDERR_FILENO, POLLOUT, 0};
            (void)::poll(&fd, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/// Dresses the lines and writes them. Its lock is never held while it writes: SIGHUP changes the format meanwhile.
class Stderr final : public spdlog::sinks::sink {
public:
    void dress(LogFormat format) {
        const std::string pattern = format == LogFormat::json
                                        ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","text":%v})"
                                        : "%Y-%m-%d %H:%M:%S.%e %l %v";
        auto formatter = std::make_unique<spdlog::pattern_formatter>(pattern);
        const std::lock_guard guard(mutex_);
        format_ = format;
        formatter_ = std::move(formatter);
    }
    /// Where the number of lines that the queue had no room for comes from.
    void count_overruns(const std::shared_ptr<spdlog::details::thread_pool>& pool) { pool_ = pool; }
    std::uint64_t lost() const { return lost_; }
    std::uint64_t passed() const { return passed_; }

    void log(const spdlog::details::log_msg& line) override {
        if (!put(line)) ++lost_;
        // What the queue dropped while this line waited for its reader stood behind it.
        const std::uint64_t dropped = pool_->overrun_counter() + lost_;
        if (dropped > reported_) {
            const std::string text = std::to_string(dropped - reported_) +
                                     " lines of the log were dropped: nobody read them, or they could not be written";
            if (put({line.logger_name, spdlog::level::warn, text})) reported_ = dropped;
        }
        ++passed_;
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

private:
    bool put(const spdlog::details::log_msg& line) {
        spdlog::memory_buf_t buffer;
        {
            const std::lock_guard guard(mutex_);
            const std::string_view raw(line.payload.data(), line.payload.size());
            const std::string text =
                format_ == LogFormat::json
                    ? nlohmann::json(raw).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)
                    : log_text(raw);
            spdlog::details::log_msg dressed = line;
            dressed.payload = {text.data(), text.size()};
            formatter_->format(dressed, buffer);
        }
        return write_all(buffer.data(), buffer.size());
    }

    std::mutex mutex_;
    LogFormat format_ = LogFormat::text;
    std::unique_ptr<spdlog::formatter> formatter_;
    std::shared_ptr<spdlog::details::thread_pool> pool_;
    std::atomic<std::uint64_t> lost_{0}, passed_{0};
    std::uint64_t reported_ = 0;
};

/// Never destroyed: its thread may hang in a write when the program ends.
struct Log {
    Log() {
        sink->dress(LogFormat::text);
        sink->count_overruns(pool);
        logger = std::make_shared<spdlog::async_logger>("cast-broker", sink, pool,
                                                        spdlog::async_overflow_policy::overrun_oldest);
    }
    void add(LogLevel level, std::string_view text) {
        if (!logger->should_log(level_of(level))) return;
        ++added;
        logger->log(level_of(level), spdlog::string_view_t(text.data(), text.size()));
    }
    std::uint64_t dropped() { return pool->overrun_counter() + sink->lost(); }

    std::shared_ptr<spdlog::details::thread_pool> pool = std::make_shared<spdlog::details::thread_pool>(kLogQueue, 1);
    std::shared_ptr<Stderr> sink = std::make_shared<Stderr>();
    std::shared_ptr<spdlog::async_logger> logger;
    std::atomic<std::uint64_t> added{0};
    std::mutex mutex;
    LogLimit limit;  // under the mutex
};

Log& the_log() {
    static Log* const log = new Log;
    return *log;
}

/// What was left out is told by the next line that is written.
void tell_left_out(Log& log) {
    std::uint64_t count = 0;
    {
        const std::lock_guard guard(log.mutex);
        count = log.limit.unreported();
        log.limit.mark_reported();
    }
    if (count > 0)
        log.add(LogLevel::info,
                std::to_string(count) + " lines about what clients did were left out: too many in a short time");
}

}  // namespace

void set_log(LogLevel level, LogFormat format) {
    the_log().sink->dress(format);
    the_log().logger->set_level(level_of(level));
}

void log_line(LogLevel level, std::string_view text) {
    tell_left_out(the_log());
    the_log().add(level, text);
}

void log_of_client(LogLevel level, std::string_view text) {
    Log& log = the_log();
    if (!log.logger->should_log(level_of(level))) return;
    {
        const std::lock_guard guard(log.mutex);
        if (!log.limit.take(cast::base::monotonic_us())) return;
    }
    log_line(level, text);
}

LogCounts log_counts() {
    Log& log = the_log();
    const std::lock_guard guard(log.mutex);
    return {log.dropped(), log.limit.left_out()};
}

void end_log(std::chrono::milliseconds patience) {
    Log& log = the_log();
    const auto until = std::chrono::steady_clock::now() + patience;
    while (log.sink->passed() + log.pool->overrun_counter() < log.added && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace broker
