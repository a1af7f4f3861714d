// A progress bar on stderr: one line that is drawn again a few times a second, and only if stderr is a terminal. Main
// thread.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace nodectl {

/// The line without its beginning and end: "report.pdf  45% [====>     ]  450.0 MiB of 1.0 GiB  98.2 MiB/s  5s left",
/// cut to `width`. Without a size there is no bar. Pure.
std::string progress_text(const std::string& name, std::uint64_t done, std::optional<std::uint64_t> size,
                          double per_second, std::size_t width);

class ProgressBar {
public:
    ProgressBar();
    ~ProgressBar() { clear(); }
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    /// Draws the line if it was not drawn just now. Another name begins another measurement.
    void show(const std::string& name, std::uint64_t done, std::optional<std::uint64_t> size);
    /// Takes the line away: before anything else is written to the terminal.
    void clear();

private:
    using Clock = std::chrono::steady_clock;
    bool terminal_;
    bool shown_ = false;
    std::string name_;
    Clock::time_point began_, drawn_;
    std::uint64_t from_ = 0;
};

}  // namespace nodectl
