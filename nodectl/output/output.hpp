// Where words and data go: stdout carries data only, everything else goes to stderr with "nodectl: " in front.
// Errors end in exit codes by the one table of cast::exit_code. Main thread, but warn() from any.
#pragma once
#include <cast/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nodectl {

inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kTimedOut = 7;

/// One line on stderr.
void warn(std::string_view text);
/// A usage error: says what to do and returns the exit code 2.
int usage(std::string_view command, std::string_view text);
/// An error of the broker or library: "nodectl: cannot send to bob: no_such_node: ..."; returns its exit code.
int fail(std::string_view doing, const cast::Error& error);

/// stdout, buffered. Its reader may go away (`| head`): then reader_gone() is true and nothing more is written.
class Output {
public:
    explicit Output(int fd = 1) : fd_(fd) {}
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    std::string& buffer() { return buffer_; }
    bool full() const { return buffer_.size() >= kFull; }
    /// Writes everything. False when that is not possible: the reader is gone (quiet), or another error (told).
    bool flush();
    /// Writes what can be written within that time. True when that was everything; if not, failed() and reader_gone()
    /// tell whether it is worth to try again. Only a pipe that this could open anew keeps to the time.
    bool flush_some(std::chrono::milliseconds most);
    bool failed() const { return failed_; }
    /// Bytes that were ever put into the buffer.
    std::uint64_t position() const { return written_ + buffer_.size() - done_; }
    /// How many of them are with the reader: those that have left the pipe. Of anything that is no pipe, those that
    /// were written. Others who write into the same pipe can only make it seem less.
    std::uint64_t taken() const;
    /// Waits, so long at most, for the reader to go; for who cannot do anything else until it has taken more.
    void wait_for_reader(std::chrono::milliseconds most);
    /// The reader is gone; also looks when nothing is to be written.
    bool reader_gone();
    /// What a command that is done returns: `code`, or 1 if the data could not be written.
    int finish(int code = 0);
    bool terminal() const;

private:
    static constexpr std::size_t kFull = 64 * 1024;
    void open_pipe();

    int fd_;
    int pipe_ = -1;  // the same pipe, opened anew: writing into it does not block
    bool checked_ = false, is_pipe_ = false;
    std::size_t done_ = 0;  // bytes of buffer_ that are written
    std::uint64_t written_ = 0;
    bool gone_ = false;
    bool failed_ = false;
    std::string buffer_;
};

/// Writes text to stdout; for commands with a handful of lines. Returns finish()'s code.
int print(std::string_view text);

/// Rows under a header, columns aligned with two spaces between them; columns of numbers to the right.
class Table {
public:
    explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    std::string text() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

/// "name:   value" lines, values aligned.
std::string fields(const std::vector<std::pair<std::string, std::string>>& rows);

/// Numbers for people: 1234567 -> "1,234,567"; 1536 -> "1.5 KiB".
std::string grouped(std::uint64_t number);
std::string bytes_text(double bytes);

}  // namespace nodectl
