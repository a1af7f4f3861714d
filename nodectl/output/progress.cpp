// See progress.hpp.
#include "nodectl/output/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "nodectl/input/times.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

constexpr std::chrono::milliseconds kBetween{100};
constexpr std::size_t kBarWidth = 20, kNameWidth = 30, kUsualWidth = 80;

std::size_t terminal_width() {
    winsize size{};
    return ::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualWidth;
}

// Cuts at a character's begin.
std::string cut(std::string text, std::size_t width) {
    if (text.size() <= width) return text;
    while (width > 0 && (static_cast<unsigned char>(text[width]) & 0xC0) == 0x80) --width;
    text.resize(width);
    return text;
}

// To stderr; nothing helps if it is closed.
void write_all(const std::string& text) { [[maybe_unused]] const auto written = ::write(2, text.data(), text.size()); }

}  // namespace

std::string progress_text(const std::string& name, std::uint64_t done, std::optional<std::uint64_t> size,
                          double per_second, std::size_t width) {
    std::string out = cut(printable(name), kNameWidth);
    if (size) {
        const double part = *size == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(*size));
        const auto filled = static_cast<std::size_t>(part * kBarWidth);
        out += fmt::format(" {:3}% [{}{}]", static_cast<int>(part * 100), std::string(filled, '='),
                           std::string(kBarWidth - filled, ' '));
    }
    out += "  " + bytes_text(static_cast<double>(done));
    if (size) out += " of " + bytes_text(static_cast<double>(*size));
    if (per_second > 0) {
        out += "  " + bytes_text(per_second) + "/s";
        if (size && done < *size)
            out += fmt::format(
                "  {} left",
                duration_text(Milliseconds(
                    1000 * (1 + static_cast<std::int64_t>(static_cast<double>(*size - done) / per_second)))));
    }
    return cut(std::move(out), width);
}

ProgressBar::ProgressBar() : terminal_(::isatty(2) == 1) {}

void ProgressBar::show(const std::string& name, std::uint64_t done, std::optional<std::uint64_t> size) {
    if (!terminal_) return;
    const auto now = Clock::now();
    if (name != name_ || done < from_) {
        name_ = name;
        began_ = now;
        from_ = done;
    } else if (now - drawn_ < kBetween) {
        return;
    }
    drawn_ = now;
    const double seconds = std::chrono::duration<double>(now - began_).count();
    const double speed = seconds > 0.2 ? static_cast<double>(done - from_) / seconds : 0;
    write_all("\r" + progress_text(name, done, size, speed, terminal_width() - 1) + "\x1b[K");
    shown_ = true;
}

void ProgressBar::clear() {
    if (shown_) write_all("\r\x1b[K");
    shown_ = false;
}

}  // namespace nodectl
