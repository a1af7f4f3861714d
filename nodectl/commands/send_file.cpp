// See send_file.hpp.
#include "nodectl/commands/send_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cast/transfer.hpp>

#include <cerrno>
#include <cstring>
#include <vector>

#include "nodectl/interrupt.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/progress.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

constexpr std::size_t kBlock = 256 * 1024;
constexpr std::size_t kReportedNodes = 20;

int unreadable(const std::string& path, int error) {
    warn(fmt::format("cannot read '{}': {}", path, std::strerror(error)));
    return kFailed;
}

// A pipe or a device: of unknown size, and it cannot be read again.
cast::Result<cast::FileReport> send_stream(cast::Node& node, int fd, const cast::Message& to,
                                           cast::FileOptions options) {
    const std::string name = options.name;
    auto sender = cast::FileSender::open(node, to, std::move(options));
    if (!sender) return sender.error();
    std::vector<char> block(kBlock);
    for (;;) {
        const ssize_t n = ::read(fd, block.data(), block.size());
        if (n < 0 && errno == EINTR && interrupted() == 0) continue;
        if (n < 0 && interrupted() != 0) return cast::Error{cast::ErrorCode::closed, "interrupted"};
        if (n < 0)
            return cast::Error{cast::ErrorCode::invalid_argument,
                               fmt::format("cannot read '{}': {}", name, std::strerror(errno))};
        if (n == 0) return sender->finish();
        if (auto written = sender->write({block.data(), static_cast<std::size_t>(n)}); !written) return written.error();
    }
}

// One line for each receiver that failed; the exit code of the first.
int tell_report(const cast::FileReport& report, const std::string& path, const Envelope& envelope) {
    int code = 0;
    std::size_t reported = 0;
    for (const auto& outcome : report.outcomes) {
        if (outcome.state != cast::FileOutcome::State::failed) continue;
        if (code == 0) code = cast::exit_code(outcome.error.code);
        if (++reported > kReportedNodes) continue;
        const std::string where = outcome.node.empty() ? envelope.target_text() : "'" + outcome.node + "'";
        warn(fmt::format("'{}' did not get to {}: {}", path, where, outcome.error.text()));
    }
    if (reported > kReportedNodes) warn(fmt::format("and {} more", counted(reported - kReportedNodes, "receiver")));
    return code;
}

}  // namespace

int send_file(Sender& sender, const Envelope& envelope, const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about {};
    if (fd < 0 || ::fstat(fd, &about) != 0) return unreadable(path, errno);
    const bool regular = S_ISREG(about.st_mode);
    if (S_ISDIR(about.st_mode)) {
        ::close(fd);
        return unreadable(path, EISDIR);
    }
    ProgressBar bar;
    cast::FileOptions options;
    options.name = path.substr(path.rfind('/') + 1);
    options.patience = sender.timeout();
    options.wait = sender.wait();
    options.on_progress = [&bar, name = options.name](const cast::FileProgress& progress) {
        bar.show(name, progress.receivers > 0 ? progress.held : progress.done, progress.size);
        return interrupted() == 0;
    };
    catch_interrupts();
    const auto message = envelope.message({});
    const auto report = regular ? cast::send_file(sender.node(), path, message, std::move(options))
                                : send_stream(sender.node(), fd, message, std::move(options));
    bar.clear();
    ::close(fd);
    if (report) return tell_report(*report, path, envelope);
    if (interrupted() != 0) {
        warn(fmt::format("interrupted; what the receivers have of '{}' they keep for the next try", path));
        return 128 + interrupted();
    }
    const int code = fail(fmt::format("cannot send '{}' to {}", path, envelope.target_text()), report.error());
    return report.code() == cast::ErrorCode::invalid_argument ? kFailed : code;  // it is the file, not the command line
}

}  // namespace nodectl
