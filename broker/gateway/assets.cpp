// The page's files, built in (files.S) or from a folder. io thread.
#include "gateway/assets.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gateway/api/calls.hpp"
#include "gateway/app.hpp"
#include "gateway/http/worker.hpp"

// NOLINTBEGIN(readability-identifier-naming): symbols of the assembler's
extern "C" {
extern const char cast_openapi[], cast_openapi_end[];
extern const char cast_page_index[], cast_page_index_end[], cast_page_script[], cast_page_script_end[],
    cast_page_style[], cast_page_style_end[];
}
// NOLINTEND(readability-identifier-naming)

namespace gateway {
namespace {

namespace fs = std::filesystem;

constexpr const char *kHtml = "text/html; charset=utf-8", *kScript = "text/javascript; charset=utf-8",
                     *kStyle = "text/css; charset=utf-8";
constexpr milliseconds kCheckEvery{300};

/// The newest change of a file in this folder.
fs::file_time_type newest(const std::string& folder) {
    fs::file_time_type last = fs::file_time_type::min();  // {} is the clock's epoch, far in the future
    std::error_code ec;
    for (fs::recursive_directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec))
        if (at->is_regular_file(ec)) last = std::max(last, at->last_write_time(ec));
    return last;
}

/// Runs a program; true when it exits 0.
bool run(const std::string& program, const std::string& argument) {
    std::string first = program, second = argument;
    char* argv[] = {first.data(), second.data(), nullptr};
    pid_t child = 0;
    int status = 0;
    if (posix_spawn(&child, program.c_str(), nullptr, nullptr, argv, environ) != 0) return false;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string_view openapi_text() { return {cast_openapi, static_cast<std::size_t>(cast_openapi_end - cast_openapi)}; }

Assets::Assets(App& app) : app_(app) {
    if (!app_.settings.dev.empty()) {
        std::string folder = fs::temp_directory_path() / "cast-page-XXXXXX";
        if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a folder for the page: " + folder);
        out_ = folder;
        return;
    }
    auto text = [](const char* begin, const char* end) { return std::string(begin, end); };
    put("/index.html", kHtml, text(cast_page_index, cast_page_index_end));
    put("/app.js", kScript, text(cast_page_script, cast_page_script_end));
    put("/app.css", kStyle, text(cast_page_style, cast_page_style_end));
}

Assets::~Assets() {
    std::error_code ec;
    if (!out_.empty()) fs::remove_all(out_, ec);
}

void Assets::put(const std::string& path, const char* type, std::string body) {
    boost::crc_optimal<64, 0x42F0E1EBA9EA3693, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, true, true> sum;
    sum.process_bytes(body.data(), body.size());
    files_[path] = {type, std::make_shared<const std::string>(std::move(body)),
                    '"' + std::to_string(sum.checksum()) + '"'};
}

std::optional<Answer> Assets::find(std::string_view path) const {
    const auto at = files_.find(path == "/" ? "/index.html" : path);
    if (at == files_.end()) return std::nullopt;
    Answer answer;
    answer.type = at->second.type;
    answer.body = at->second.body;
    answer.cached = true;
    answer.headers.emplace_back("ETag", at->second.tag);
    return answer;
}

awaitable<void> Assets::build() {
    const std::string script = fs::path(app_.settings.dev) / "build.sh";
    auto work = [&] { return run(script, out_); };
    const bool built = co_await on_worker(app_.workers, work);
    if (!built) app_.settings.log_warning("the page: " + script + " failed; what was built before stays");
    if (!built) co_return;
    put("/index.html", kHtml, contents(out_ + "/index.html"));
    put("/app.js", kScript, contents(out_ + "/app.js"));
    put("/app.css", kStyle, contents(out_ + "/app.css"));
    app_.hub.tell_reload();
}

awaitable<void> Assets::watch() {
    if (app_.settings.dev.empty()) co_return;
    error_code ec;
    asio::steady_timer timer(app_.io);
    fs::file_time_type seen = fs::file_time_type::min();
    while (!app_.stopping) {
        const auto now = newest(app_.settings.dev);
        if (now != seen) co_await build();
        seen = now;
        timer.expires_after(kCheckEvery);
        co_await timer.async_wait(into(ec));
    }
}

}  // namespace gateway
