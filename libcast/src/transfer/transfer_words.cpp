// Headers of transfers: written, and read with suspicion. Pure; any thread.
#include "src/transfer/transfer_words.hpp"

#include <algorithm>
#include <charconv>

#include "base/sha256.hpp"
#include "wire/names.hpp"

namespace cast::detail {
namespace {

constexpr std::uint64_t kLargest = 1ull << 62;  // sums of two of these do not overflow
constexpr std::string_view kStates[] = {"have", "back", "saved", "failed"};

std::optional<std::uint64_t> number(std::optional<std::string_view> text) {
    if (!text || text->empty()) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || value > kLargest) return std::nullopt;
    return value;
}

bool hexadecimal(std::string_view text, std::size_t digits) {
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string header(const Message& message, std::string_view key) {
    return std::string(message.header(key).value_or(std::string_view()));
}

void set(wire::HeaderList& headers, std::string_view key, std::string_view value) {
    const auto at = std::find_if(headers.begin(), headers.end(), [key](const auto& h) { return h.first == key; });
    if (at != headers.end())
        at->second = value;
    else
        headers.emplace_back(key, value);
}

}  // namespace

void write_head(const FileHead& head, wire::HeaderList& headers) {
    set(headers, "part", head.offer ? "offer" : "chunk");
    set(headers, "transfer", head.transfer);
    set(headers, "correlation", head.correlation);
    set(headers, "name", head.name);
    if (head.size) set(headers, "size", std::to_string(*head.size));
    if (!head.offer) set(headers, "offset", std::to_string(head.offset));
    if (head.last()) set(headers, "sha256", head.sha256);
    if (!head.report_to.empty()) set(headers, "report-to", head.report_to);
}

std::optional<FileHead> read_head(const Message& message) {
    const auto part = message.header("part");
    if (message.type() != kFileType || (part != "offer" && part != "chunk")) return std::nullopt;
    FileHead head;
    head.offer = part == "offer";
    head.transfer = header(message, "transfer");
    head.correlation = header(message, "correlation");
    head.name = header(message, "name");
    head.report_to = header(message, "report-to");
    head.sha256 = header(message, "sha256");
    head.size = number(message.header("size"));
    const auto offset = number(message.header("offset"));
    head.offset = offset.value_or(0);
    if (!hexadecimal(head.transfer, 32) || head.correlation.empty() || head.correlation.size() > 64)
        return std::nullopt;
    if (message.header("size") && !head.size) return std::nullopt;
    if (!head.offer && !offset) return std::nullopt;
    if (!head.sha256.empty() && (head.offer || !hexadecimal(head.sha256, 64))) return std::nullopt;
    if (!head.report_to.empty() && !wire::valid_name(head.report_to) && !wire::reserved_name(head.report_to))
        return std::nullopt;
    return head;
}

Message word_message(const FileWord& word, std::string_view to) {
    Message message = Message::unicast(to, word.state == FileWord::State::failed ? word.error.detail : std::string());
    message.type(kFileType).header("part", "report").header("state", kStates[static_cast<std::size_t>(word.state)]);
    message.header("transfer", word.transfer).header("correlation", word.correlation);
    if (word.state == FileWord::State::have || word.state == FileWord::State::back)
        message.header("offset", std::to_string(word.offset));
    if (word.state == FileWord::State::saved) message.header("name", word.name);
    if (word.state == FileWord::State::failed) message.header("error", error_name(word.error.code));
    return message;
}

std::optional<FileWord> read_word(const Message& message) {
    if (message.type() != kFileType || message.header("part") != "report") return std::nullopt;
    const auto at = std::find(std::begin(kStates), std::end(kStates), message.header("state"));
    if (at == std::end(kStates)) return std::nullopt;
    FileWord word;
    word.state = static_cast<FileWord::State>(at - std::begin(kStates));
    word.transfer = header(message, "transfer");
    word.correlation = header(message, "correlation");
    const bool placed = word.state == FileWord::State::have || word.state == FileWord::State::back;
    const auto offset = number(message.header("offset"));
    if (placed && !offset) return std::nullopt;
    word.offset = offset.value_or(0);
    word.name = header(message, "name");
    if (word.state == FileWord::State::failed)
        word.error = {code_named(header(message, "error")), std::string(message.payload().substr(0, 1000))};
    return word;
}

std::string transfer_id(std::string_view name, std::optional<std::uint64_t> size, std::string_view identity) {
    std::string text(name);
    text.push_back('\0');
    text += size ? std::to_string(*size) : "";
    text.push_back('\0');
    text += identity;
    text.push_back('\0');
    return base::sha256_hex(text).substr(0, 32);
}

ErrorCode code_named(std::string_view name) {
    for (std::uint16_t i = 1; i < kErrorCodes; ++i)
        if (name == error_name(static_cast<ErrorCode>(i))) return static_cast<ErrorCode>(i);
    return ErrorCode::internal;
}

}  // namespace cast::detail
