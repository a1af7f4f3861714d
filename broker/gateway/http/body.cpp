// Reading the body of a request: who is slow, sends too much, or holds memory that others need, is told and cut off.
// io thread. See server.hpp.
#include <algorithm>

#include "gateway/http/request.hpp"
#include "gateway/http/server.hpp"

namespace gateway {
namespace {

using Head = http::request_parser<http::empty_body>;

constexpr std::uint64_t kBodyBytes = 8u << 20;
constexpr std::size_t kPiece = 16 * 1024, kBytesPerSecond = 64 * 1024;
constexpr std::size_t kOverhead = 1024;  // of a request that is at work, beside its body
constexpr seconds kSilence{10};          // without any progress; also what a body has at first

Failure body_failure(error_code ec) {
    if (ec == http::error::body_limit)
        return Failure(413, "too_large", "a body of more than 8 MiB", "send less; files go to /api/files");
    return Failure(400, "malformed", "the body ends early or is no HTTP: " + ec.message(), "is Content-Length right?");
}

bool is_json(std::string_view type) {
    std::string kind(type.substr(0, type.find(';')));
    while (!kind.empty() && kind.back() == ' ') kind.pop_back();
    return beast::iequals(kind, "application/json") ||
           (kind.size() > 5 && beast::iequals(std::string_view(kind).substr(kind.size() - 5), "+json"));
}

void check_head(const Head& head) {
    const bool post = head.get().method() == http::verb::post;  // others may bring one, which nobody looks at
    if (!head.content_length() && !head.chunked())
        throw Failure(411, "length_required", "no Content-Length", "say how long the body is, or send it in chunks");
    if (post && !is_json(head.get()[http::field::content_type]))
        throw Failure(415, "unsupported_media_type",
                      "Content-Type: " + std::string(head.get()[http::field::content_type]).substr(0, 100),
                      "send application/json");
    if (head.content_length() && *head.content_length() > kBodyBytes) throw body_failure(http::error::body_limit);
}

/// Cancels what is under way on the stream when its time is over. Unlike the stream's own, it leaves the stream open,
/// so that the peer can be told.
class Deadline {
public:
    explicit Deadline(beast::tcp_stream& stream) : stream_(stream), timer_(stream.get_executor()) {}
    void set(steady_clock::time_point until) {
        timer_.expires_at(until);
        timer_.async_wait([this, alive = std::weak_ptr(alive_)](error_code ended) {
            if (ended || alive.expired()) return;
            passed_ = true;
            stream_.cancel();
        });
    }
    bool passed() const { return passed_; }

private:
    beast::tcp_stream& stream_;
    asio::steady_timer timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    bool passed_ = false;
};

/// Room for a piece more, counted before it is there.
void make_room(std::string& text, std::size_t length, std::size_t piece, Budget::Hold& hold) {
    const std::size_t wanted = text.size() + piece;
    if (wanted > text.capacity() || text.empty()) {
        const std::size_t room = std::max(wanted, std::min(2 * text.capacity(), length + piece));
        if (!hold.set(room)) throw no_room();
        text.reserve(room);
    }
    text.resize(wanted);
}

}  // namespace

Failure no_room() {
    return Failure(503, "busy", "too many requests are under way for the memory that they may have together",
                   "try again in a second");
}

awaitable<std::string> read_body(beast::tcp_stream& stream, beast::flat_buffer& buffer, Head& head,
                                 Budget::Hold& hold) {
    check_head(head);
    const std::size_t length = head.content_length() ? *head.content_length() : kBodyBytes;
    const bool ask = beast::iequals(head.get()[http::field::expect], "100-continue");
    error_code ec;
    stream.expires_never();
    Deadline deadline(stream);
    const auto began = steady_clock::now();
    deadline.set(began + kSilence);
    static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    if (ask) co_await asio::async_write(stream, asio::buffer(kGoOn), into(ec));
    http::request_parser<http::buffer_body> body(std::move(head));
    body.body_limit(kBodyBytes);
    std::string text;
    const std::size_t piece = std::clamp<std::size_t>(length, 1, kPiece);
    while (!body.is_done()) {
        const std::size_t before = text.size();
        make_room(text, length, piece, hold);
        body.get().body().data = text.data() + before;
        body.get().body().size = piece;
        const auto earned = began + kSilence + seconds(before / kBytesPerSecond);
        deadline.set(std::min(earned, steady_clock::now() + kSilence));
        co_await http::async_read(stream, buffer, body, into(ec));
        text.resize(before + piece - body.get().body().size);
        if (ec == http::error::need_buffer) ec = {};
        if (hold.ended()) throw no_room();
        if (deadline.passed()) throw Failure(408, "timed_out", "the body came too slowly", "send 64 KiB a second");
        if (ec) throw body_failure(ec);
    }
    text.shrink_to_fit();
    if (!hold.set(text.capacity() + kOverhead) || !hold.work()) throw no_room();
    co_return text;
}

}  // namespace gateway
