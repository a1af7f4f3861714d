// Wrapping and unwrapping. Pure; any thread.
#include "wire/dead_letter.hpp"

#include <charconv>

#include "wire/names.hpp"

namespace cast::wire {
namespace {

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

HeaderList dead_letter_headers(const DeadLetterEnvelope& letter) {
    HeaderList headers{{"reason", std::string(letter.reason)},
                       {"sender", std::string(letter.sender)},
                       {"target", std::string(letter.target)},
                       {"priority", std::to_string(letter.priority)},
                       {"arrival-us", std::to_string(letter.arrival_us)}};
    if (!letter.detail.empty()) headers.emplace_back("detail", letter.detail.substr(0, kDeadLetterDetail));
    if (!letter.group.empty()) headers.emplace_back("group", letter.group);
    return headers;
}

void append_dead_letter(std::string& out, const DeadLetterEnvelope& letter) {
    append_record(out, kDeadLetterType, encode_headers(dead_letter_headers(letter)), letter.record);
}

std::optional<DeadLetterEnvelope> read_dead_letter(const RecordView& record) {
    if (record.type != kDeadLetterType) return std::nullopt;
    DeadLetterEnvelope letter;
    letter.record = record.payload;
    const bool whole = for_each_header(record.headers, [&](std::string_view key, std::string_view value) {
        if (key == "reason")
            letter.reason = value;
        else if (key == "detail")
            letter.detail = value;
        else if (key == "sender")
            letter.sender = value;
        else if (key == "target")
            letter.target = value;
        else if (key == "group")
            letter.group = value;
        else if (key == "priority")
            letter.priority = static_cast<int>(number(value) % kPriorities);
        else if (key == "arrival-us")
            letter.arrival_us = number(value);
    });
    const bool sender = valid_name(letter.sender) || reserved_name(letter.sender);
    if (!whole || letter.reason.empty() || !sender || !valid_name(letter.target) || !dead_letter_message(letter))
        return std::nullopt;
    return letter;
}

std::optional<RecordView> dead_letter_message(const DeadLetterEnvelope& letter) {
    Reader in(letter.record);
    const auto message = read_record(in);
    if (!message || in.left() > 0 || !for_each_header(message->headers, [](std::string_view, std::string_view) {}))
        return std::nullopt;
    return message;
}

}  // namespace cast::wire
