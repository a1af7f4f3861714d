// POST /api/files: the body goes to nodes as it comes, with cast/transfer.hpp; nothing of it is kept here. io thread;
// hashing and sending on worker threads, in steps that do not wait.
#include <cast/transfer.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gateway/app.hpp"
#include "gateway/http/server.hpp"
#include "gateway/http/worker.hpp"

namespace gateway {

using cast::ErrorCode;
using nlohmann::json;

namespace {

constexpr std::size_t kFilePiece = 256 * 1024;
constexpr seconds kUploadSilence{60};  // of who uploads
constexpr milliseconds kPause{5};      // while the receivers are behind
constexpr seconds kPatienceMost{600};

struct Wish {
    cast::Message to;
    cast::FileOptions options;
    std::string sender;
    cast::CastKind kind = cast::CastKind::unicast;
};

std::vector<std::string> split(const std::string& names) {
    std::vector<std::string> all;
    for (std::size_t at = 0; at <= names.size();) {
        const std::size_t comma = std::min(names.find(',', at), names.size());
        if (comma > at) all.push_back(names.substr(at, comma - at));
        at = comma + 1;
    }
    return all;
}

Wish read_wish(const Request& request) {
    request.only(
        {"cast_type", "recipients", "group_id", "sender", "filename", "priority", "ttl", "timeout", "identity"});
    Wish wish;
    const std::string kind = request.asked("cast_type").value_or("unicast"),
                      group = request.asked("group_id").value_or("");
    const std::vector<std::string> recipients = split(request.asked("recipients").value_or(""));
    const auto bad = [](const std::string& why, const std::string& hint) {
        return Failure(422, "invalid_argument", why, hint);
    };
    if (kind == "unicast") {
        if (recipients.empty()) throw bad("?recipients= is missing", "name the nodes: ?recipients=bob,carol");
        wish.to = cast::Message::unicast(recipients, "");
    } else if (kind == "multicast") {
        if (group.empty()) throw bad("?group_id= is missing", "name the group");
        wish.to = cast::Message::multicast(group, "");
        wish.kind = cast::CastKind::multicast;
    } else if (kind == "broadcast") {
        wish.to = cast::Message::broadcast("");
        wish.kind = cast::CastKind::broadcast;
    } else {
        throw bad("?cast_type=" + kind.substr(0, 60), "it is unicast, multicast or broadcast");
    }
    wish.options.name = request.asked("filename").value_or("");
    if (wish.options.name.empty()) throw bad("?filename= is missing", "name the file as its receivers are to see it");
    wish.options.identity = request.asked("identity").value_or("");
    wish.options.patience = std::max(request.duration("timeout", seconds(30), kPatienceMost), milliseconds(1));
    wish.to.priority(static_cast<int>(request.number("priority", 4, 0, 9)));
    wish.to.ttl(request.duration("ttl", milliseconds(0), std::chrono::hours(24 * 49)));
    wish.sender = request.asked("sender").value_or("api");
    return wish;
}

template <class T>
T value_or_throw(cast::Result<T> result) {
    if (!result) throw Failure(result.error());
    return std::move(result).value();
}

json report_json(const cast::FileReport& report, const Wish& wish, double took) {
    json recipients = json::array(), failed = json::array();
    std::size_t good = 0;
    for (const cast::FileOutcome& outcome : report.outcomes) {
        const bool success = outcome.state != cast::FileOutcome::State::failed;
        const ErrorCode code = success ? ErrorCode::ok : outcome.error.code;
        good += success ? 1 : 0;
        json one = {{"node_id", outcome.node}, {"success", success}, {"code", cast::error_name(code)}};
        one["state"] = !success ? "failed" : outcome.state == cast::FileOutcome::State::saved ? "saved" : "sent";
        if (!outcome.saved_as.empty()) one["saved_as"] = outcome.saved_as;
        recipients.push_back(std::move(one));
        if (!success)
            failed.push_back(
                {{"node_id", outcome.node}, {"code", cast::error_name(code)}, {"reason", cast::error_hint(code)}});
    }
    const std::size_t all = recipients.size();
    const bool whole = wish.kind != cast::CastKind::unicast && failed.empty();
    json out = {{"success", good > 0 || whole}, {"filename", wish.options.name}, {"bytes", report.size},
                {"skipped", report.skipped},    {"sha256", report.sha256},       {"recipients_count", good},
                {"delivery_time", took}};
    out["message"] = whole && all == 0 ? "sent" : "sent to " + std::to_string(good) + " of " + std::to_string(all);
    out["recipients"] = std::move(recipients);
    out["failed_recipients"] = std::move(failed);
    return out;
}

/// Everything of `bytes`, in steps.
awaitable<void> write_all(App& app, cast::FileSender& file, std::string_view bytes) {
    asio::steady_timer timer(app.io);
    while (!bytes.empty()) {
        auto step = [&] { return value_or_throw(file.write_some(bytes)); };
        const std::size_t taken = co_await on_worker(app.uploads, step);
        bytes.remove_prefix(taken);
        if (taken > 0) continue;
        if (app.stopping) throw Failure(ErrorCode::shutting_down, "the broker is going down");
        error_code ec;
        timer.expires_after(kPause);
        co_await timer.async_wait(into(ec));
    }
}

awaitable<cast::FileReport> finish(App& app, cast::FileSender& file) {
    asio::steady_timer timer(app.io);
    for (;;) {
        auto step = [&] { return value_or_throw(file.finish_some()); };
        std::optional<cast::FileReport> report = co_await on_worker(app.uploads, step);
        if (report) co_return std::move(*report);
        if (app.stopping) throw Failure(ErrorCode::shutting_down, "the broker is going down");
        error_code ec;
        timer.expires_after(kPause);
        co_await timer.async_wait(into(ec));
    }
}

}  // namespace

awaitable<Answer> upload(App& app, const Request& request, beast::tcp_stream& stream, beast::flat_buffer& buffer,
                         http::request_parser<http::empty_body>& head) {
    Wish wish = read_wish(request);
    const auto length = head.content_length();
    if (!length && !head.chunked())
        throw Failure(411, "length_required", "no Content-Length", "say how long the file is, or send it in chunks");
    if (length) wish.options.size = *length;
    const auto started = steady_clock::now();
    const std::shared_ptr<cast::Node> node = co_await app.sends.sender(wish.sender);
    auto open = [&] { return value_or_throw(cast::FileSender::open(*node, wish.to, wish.options)); };
    cast::FileSender file = co_await on_worker(app.workers, open);
    error_code ec;
    if (beast::iequals(head.get()[http::field::expect], "100-continue")) {
        static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
        stream.expires_after(kUploadSilence);
        co_await asio::async_write(stream, asio::buffer(kGoOn), into(ec));
    }
    http::request_parser<http::buffer_body> body(std::move(head));
    body.body_limit(boost::none);
    Budget::Hold hold(app.budget, [&stream] { stream.cancel(); });
    std::string piece;
    while (!body.is_done()) {
        hold.release();  // one that moves on is not the one that hangs
        if (!hold.set(kFilePiece)) throw no_room();
        piece.resize(kFilePiece);
        body.get().body().data = piece.data();
        body.get().body().size = piece.size();
        stream.expires_after(kUploadSilence);
        co_await http::async_read(stream, buffer, body, into(ec));
        if (ec == http::error::need_buffer) ec = {};
        if (hold.ended()) throw no_room();
        if (ec)
            throw Failure(400, "malformed", "the upload ends early: " + ec.message(),
                          "send it again: receivers keep what they have");
        const std::string_view got(piece.data(), piece.size() - body.get().body().size);
        co_await write_all(app, file, got);
    }
    stream.expires_never();
    const cast::FileReport report = co_await finish(app, file);
    const std::chrono::duration<double> took = steady_clock::now() - started;
    app.monitor.changed();
    co_return answer_json(report_json(report, wish, took.count()));
}

}  // namespace gateway
