// Messages to people, the buffered stdout, tables. Main thread, but warn() from any.
#include "nodectl/output/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

bool numeric(const std::string& cell) {
    return !cell.empty() && cell.find_first_not_of("0123456789,.-") == std::string::npos;
}

}  // namespace

void warn(std::string_view text) {
    const std::string line = "nodectl: " + printable(text, true) + "\n";
    // One write: lines of several threads and processes do not mix. Nothing helps if stderr is closed.
    [[maybe_unused]] const auto written = ::write(2, line.data(), line.size());
}

int usage(std::string_view command, std::string_view text) {
    const std::string name = command.empty() ? "nodectl" : fmt::format("nodectl {}", command);
    warn(fmt::format("{}\n'{} --help' shows how to use it", text, name));
    return kUsage;
}

int fail(std::string_view doing, const cast::Error& error) {
    warn(fmt::format("{}: {}", doing, error.text()));
    return cast::exit_code(error.code);
}

Output::~Output() {
    if (pipe_ >= 0) ::close(pipe_);
}

// The descriptor that we were given is shared with other programs: that it blocks is not ours to change. A pipe can be
// opened once more, and not to block holds for that opening alone.
void Output::open_pipe() {
    struct stat about {};
    checked_ = true;
    is_pipe_ = ::fstat(fd_, &about) == 0 && S_ISFIFO(about.st_mode);
    if (is_pipe_) pipe_ = ::open(fmt::format("/proc/self/fd/{}", fd_).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

bool Output::flush() {
    while (!flush_some(std::chrono::milliseconds(1000)) && !gone_ && !failed_) {
    }
    return !gone_ && !failed_;
}

bool Output::flush_some(std::chrono::milliseconds most) {
    if (!checked_) open_pipe();
    const int fd = pipe_ >= 0 ? pipe_ : fd_;
    while (done_ < buffer_.size() && !gone_ && !failed_) {
        const ssize_t n = ::write(fd, buffer_.data() + done_, buffer_.size() - done_);
        if (n >= 0) {
            done_ += static_cast<std::size_t>(n);
            written_ += static_cast<std::uint64_t>(n);
        } else if (errno == EPIPE) {
            gone_ = true;
        } else if (errno == EAGAIN) {
            pollfd ready{fd, POLLOUT, 0};
            if (::poll(&ready, 1, static_cast<int>(most.count())) <= 0) return false;
        } else if (errno != EINTR) {
            warn(fmt::format("cannot write the output: {}", std::strerror(errno)));
            failed_ = true;
        }
    }
    buffer_.clear();
    done_ = 0;
    return !gone_ && !failed_;
}

std::uint64_t Output::taken() const {
    int unread = 0;
    if (!is_pipe_ || ::ioctl(fd_, FIONREAD, &unread) != 0 || unread <= 0) return written_;
    return written_ - std::min(written_, static_cast<std::uint64_t>(unread));
}

void Output::wait_for_reader(std::chrono::milliseconds most) {
    pollfd pipe{fd_, 0, 0};
    ::poll(&pipe, 1, static_cast<int>(most.count()));
}

bool Output::reader_gone() {
    pollfd pipe{fd_, 0, 0};
    if (!gone_ && ::poll(&pipe, 1, 0) == 1 && (pipe.revents & POLLERR) != 0) gone_ = true;
    return gone_;
}

int Output::finish(int code) {
    flush();
    return failed_ && code == 0 ? kFailed : code;
}

bool Output::terminal() const { return ::isatty(fd_) == 1; }

int print(std::string_view text) {
    Output out;
    out.buffer() = text;
    return out.finish();
}

std::string Table::text() const {
    const std::size_t columns = rows_.front().size();
    std::vector<std::size_t> width(columns, 0);
    std::vector<bool> right(columns, rows_.size() > 1);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
            width[c] = std::max(width[c], rows_[r][c].size());
            if (r > 0 && !numeric(rows_[r][c])) right[c] = false;
        }
    }
    std::string out;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t c = 0; c < columns; ++c) {
            line += c == 0 ? "" : "  ";
            line += right[c] ? fmt::format("{:>{}}", row[c], width[c]) : fmt::format("{:<{}}", row[c], width[c]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    }
    return out;
}

std::string fields(const std::vector<std::pair<std::string, std::string>>& rows) {
    std::size_t width = 0;
    for (const auto& [name, value] : rows) width = std::max(width, name.size());
    std::string out;
    for (const auto& [name, value] : rows) out += fmt::format("{:<{}}  {}\n", name, width, value);
    return out;
}

std::string grouped(std::uint64_t number) {
    std::string out = std::to_string(number);
    for (std::size_t at = out.size(); at > 3;) out.insert(at -= 3, ",");
    return out;
}

std::string bytes_text(double bytes) {
    constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
        bytes /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

}  // namespace nodectl
