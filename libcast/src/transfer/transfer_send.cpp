// cast::FileSender and cast::send_file: beginning a transfer, and the calls that wait. On the thread that calls them.
#include <cast/admin.hpp>
#include <cast/transfer.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/random_id.hpp"
#include "src/node/message_access.hpp"
#include "src/session/session_time.hpp"
#include "src/transfer/transfer_sender.hpp"
#include "wire/names.hpp"

namespace cast {

using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t kLarge = 1u << 20;  // of less it is not worth to ask
constexpr std::size_t kSample = 64 * 1024;

// The time of change, and a SHA-256 over the first, middle and last bytes.
std::string identity_of(int fd, const struct stat& about) {
    base::Sha256 hash;
    std::string sample(kSample, '\0');
    const auto size = static_cast<std::uint64_t>(about.st_size);
    for (const std::uint64_t offset : {std::uint64_t{0}, size / 2, size > kSample ? size - kSample : 0}) {
        const ssize_t n = ::pread(fd, sample.data(), sample.size(), static_cast<off_t>(offset));
        if (n > 0) hash.add({sample.data(), static_cast<std::size_t>(n)});
    }
    return std::to_string(about.st_mtim.tv_sec) + "." + std::to_string(about.st_mtim.tv_nsec) + " " + hash.hex();
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

Result<void> FileReport::result() const {
    for (const FileOutcome& outcome : outcomes) {
        if (outcome.state != FileOutcome::State::failed) continue;
        if (outcome.node.empty() || outcome.error.detail.find(outcome.node) != std::string::npos) return outcome.error;
        return Error{outcome.error.code, outcome.node + ": " + outcome.error.detail};
    }
    return {};
}

FileSender::State::State(const Node& from, const Message& to, FileOptions given)
    : options(std::move(given)),
      node(detail::NodeAccess::state(from)),
      connection(from.connection()),
      link(detail::NodeAccess::state(from)->link),
      sender(from.name()) {
    if (const MessageAccess::Draft* draft = MessageAccess::draft(to)) envelope = *draft;
    const auto cast = static_cast<wire::Cast>(envelope.kind);
    if (envelope.kind == CastKind::broadcast) envelope.to = {""};
    for (const std::string& name : envelope.to) {
        const bool twice = std::any_of(targets.begin(), targets.end(), [&](const Target& t) { return t.name == name; });
        if (!twice) targets.push_back({cast, name, 0, {ErrorCode::ok, {}}});
    }
    if (const auto slash = options.name.rfind('/'); slash != std::string::npos) options.name.erase(0, slash + 1);
    if (options.name.size() > 1024) options.name.erase(0, options.name.size() - 1024);
    correlation = base::random_digits(16);
    transfer =
        detail::transfer_id(options.name, options.size, options.identity.empty() ? correlation : options.identity);
    moved_us = detail::now_us();
}

FileSender::State::~State() {
    if (!report_to.empty()) link->forget_reports(correlation);
    detail::Lock lock = link->lock();
    for (const Awaited& w : awaited) link->session(lock).outbound().forget(w.token);
    for (const Target& t : targets)
        if (t.asking != 0) link->session(lock).outbound().forget(t.asking);
}

Result<void> FileSender::State::begin() {
    if (link->stopping()) return link->closed();
    if (targets.empty()) return Error{ErrorCode::invalid_argument, "the file has no recipient"};
    if (options.name.empty()) return Error{ErrorCode::invalid_argument, "the file has no name"};
    if (options.wait == Wait::delivered && envelope.kind != CastKind::unicast)
        return Error{ErrorCode::invalid_argument, "only unicasts can wait for delivery"};
    if (envelope.priority < 0 || envelope.priority >= wire::kPriorities)
        return Error{ErrorCode::invalid_argument, "priority is 0 to 9"};
    if (envelope.ttl.count() < 0 || envelope.ttl.count() > UINT32_MAX)
        return Error{ErrorCode::invalid_argument, "ttl is 0 to 49 days"};
    for (const Target& t : targets)
        if (t.cast != wire::Cast::broadcast && !wire::valid_name(t.name))
            return Error{ErrorCode::invalid_name, "'" + t.name + "'"};
    if (wire::encode_headers(envelope.headers).size() > wire::kMaxHeaders - 2048 ||
        envelope.headers.size() > wire::kMaxHeaderCount - 8)
        return Error{ErrorCode::too_large, "headers of more than 6 KiB, or more than 56"};
    {
        detail::Lock lock = link->lock();
        if (const std::size_t most = link->session(lock).max_message(); most > 0) chunk = std::min(chunk, most);
    }
    const bool one_message = options.size && *options.size <= chunk;
    if (one_message && options.wait == Wait::none) return {};  // nobody waits for a report
    auto name = link->reply_node(detail::deadline_us(link->options().connect_timeout));
    if (!name) return name.error();
    report_to = std::move(*name);
    link->expect_reports(correlation);
    if (one_message) return {};  // it asks for itself
    detail::FileHead offer = head();
    offer.offer = true;
    send_to_all(offer, {});
    if (options.identity.empty() || (options.size && *options.size < kLarge)) return {};
    return find_starts();
}

// To a group the transfer may begin later only if all of its members are there to say so; to everybody it never does.
Result<void> FileSender::State::find_starts() {
    std::vector<std::string> names;
    if (envelope.kind == CastKind::unicast) names = envelope.to;
    if (envelope.kind == CastKind::multicast) {
        Admin admin(connection);
        if (auto group = admin.group(envelope.to.front())) names = std::move(group->members);
        if (!envelope.echo) std::erase(names, sender);
    }
    if (names.empty()) return {};
    auto answered = [&] {
        return std::all_of(names.begin(), names.end(), [&](const auto& n) { return window.find(n) != nullptr; });
    };
    detail::Lock lock = link->lock();
    link->wait(lock, detail::deadline_us(options.answer_time), [&] {
        digest(lock);
        return answered() || !all_failed();
    });
    lock.unlock();
    for (Target& t : targets) {
        if (t.cast == wire::Cast::multicast && answered())
            t.start = window.floor(UINT64_MAX) % UINT64_MAX;  // nobody: 0
        if (const auto* taker = window.find(t.name); t.cast == wire::Cast::unicast && taker != nullptr)
            t.start = taker->held;
    }
    return {};
}

FileSender::FileSender(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileSender::FileSender(FileSender&&) noexcept = default;
FileSender& FileSender::operator=(FileSender&&) noexcept = default;
FileSender::~FileSender() = default;

Result<FileSender> FileSender::open(Node& node, const Message& to, FileOptions options) {
    auto state = std::make_unique<State>(node, to, std::move(options));
    if (auto begun = state->begin(); !begun) return begun.error();
    return FileSender(std::move(state));
}

Result<std::size_t> FileSender::write_some(std::string_view bytes) {
    auto taken = state_->take(bytes);
    if (taken && *taken > 0 && state_->options.on_progress && !state_->options.on_progress(progress()))
        return Error{ErrorCode::closed, "stopped"};
    return taken;
}

Result<void> FileSender::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto taken = write_some(bytes);
        if (!taken) return taken.error();
        bytes.remove_prefix(*taken);
        if (bytes.empty()) break;
        if (auto waited = state_->wait(); !waited) return waited;
        if (state_->options.on_progress && !state_->options.on_progress(progress()))
            return Error{ErrorCode::closed, "stopped"};
    }
    return {};
}

Result<std::optional<FileReport>> FileSender::finish_some() { return state_->end(); }

Result<FileReport> FileSender::finish() {
    for (;;) {
        auto done = state_->end();
        if (!done) return done.error();
        if (state_->options.on_progress && !state_->options.on_progress(progress()))
            return Error{ErrorCode::closed, "stopped"};
        if (done->has_value()) return std::move(**done);
        if (auto waited = state_->wait(); !waited) return waited.error();
    }
}

FileProgress FileSender::progress() const { return state_->progress(); }

Result<FileReport> send_file(Node& node, const std::string& path, const Message& to, FileOptions options) {
    // O_NONBLOCK: a pipe must not make us wait before it is refused.
    detail::Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat about {
    }, after{};
    if (!file || ::fstat(file.get(), &about) != 0) return detail::system_error("read", path);
    if (S_ISDIR(about.st_mode)) return errno = EISDIR, detail::system_error("read", path);
    if (!S_ISREG(about.st_mode)) return Error{ErrorCode::invalid_argument, "'" + path + "' is no regular file"};
    if (options.name.empty()) options.name = path;
    options.size = static_cast<std::uint64_t>(about.st_size);
    if (options.identity.empty()) options.identity = identity_of(file.get(), about);
    const int fd = file.get();
    auto sender = FileSender::open(node, to, std::move(options));
    if (!sender) return sender.error();
    sender->state_->source = std::move(file);
    std::string block(detail::kFileChunk, '\0');
    const Error changed{ErrorCode::invalid_argument, "'" + path + "' changed while it was sent"};
    for (std::uint64_t left = static_cast<std::uint64_t>(about.st_size); left > 0;) {
        const ssize_t n =
            ::read(fd, block.data(), static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), left)));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return detail::system_error("read", path);
        if (n == 0) return changed;
        if (auto written = sender->write({block.data(), static_cast<std::size_t>(n)}); !written) return written.error();
        left -= static_cast<std::uint64_t>(n);
    }
    if (::fstat(fd, &after) != 0 || !same_file(about, after)) return changed;
    return sender->finish();
}

}  // namespace cast
