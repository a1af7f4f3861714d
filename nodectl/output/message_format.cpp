// Printing received messages. Main thread.
#include "nodectl/output/message_format.hpp"

#include <fmt/format.h>

#include <iterator>

#include "base/base64.hpp"
#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

constexpr std::string_view kCodes = "pstkTiqPar%";

void append_human(std::string& out, const cast::Message& message, std::string_view payload) {
    append_printable(out, message.sender());
    if (message.kind() == cast::CastKind::multicast) {
        out += " (";
        append_printable(out, message.target());
        out += ')';
    } else if (message.kind() == cast::CastKind::broadcast) {
        out += " (all)";
    }
    out += ": ";
    append_printable(out, payload);
    out += '\n';
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    (out += name) += ':';
    cast::base::append_json_string(out, value);
}

void append_object(std::string& out, const cast::Message& message, std::string_view payload) {
    append_member(out, "{\"sender\"", message.sender());
    append_member(out, ",\"target\"", message.target());
    append_member(out, ",\"kind\"", kind_name(message.kind()));
    append_member(out, ",\"type\"", message.type());
    if (cast::base::valid_utf8(payload)) {
        append_member(out, ",\"payload\"", payload);
    } else {
        out += ",\"payload_b64\":\"";
        cast::base::append_base64(out, payload);
        out += '"';
    }
    out += ",\"headers\":{";
    bool first = true;
    for (const auto& [key, value] : message.headers()) {
        if (key == "id") continue;  // has its own member
        if (!std::exchange(first, false)) out += ',';
        cast::base::append_json_string(out, key);
        out += ':';
        cast::base::append_json_string(out, value);
    }
    out += '}';
    append_member(out, ",\"id\"", message.id());
    fmt::format_to(std::back_inserter(out), ",\"priority\":{},\"sequence\":{},\"arrival\":\"", message.priority(),
                   message.sequence());
    append_time(out, message.arrival());
    out += message.redelivered() ? "\",\"redelivered\":true}\n" : "\",\"redelivered\":false}\n";
}

// The character that \n and its like stand for, or nothing.
std::string unescaped(char code) {
    switch (code) {
        case 'n': return "\n";
        case 't': return "\t";
        case 'r': return "\r";
        case '0': return std::string(1, '\0');
        case '\\': return "\\";
        default: return "";
    }
}

}  // namespace

const char* kind_name(cast::CastKind kind) {
    switch (kind) {
        case cast::CastKind::unicast: return "unicast";
        case cast::CastKind::multicast: return "multicast";
        case cast::CastKind::broadcast: return "broadcast";
    }
    return "unknown";
}

MessageFormat MessageFormat::human() { return {}; }

MessageFormat MessageFormat::raw(std::string end) {
    MessageFormat format;
    format.kind_ = Kind::raw;
    format.end_ = std::move(end);
    return format;
}

MessageFormat MessageFormat::json() {
    MessageFormat format;
    format.kind_ = Kind::json;
    return format;
}

std::string MessageFormat::format_help() {
    return "Format codes: %p payload, %s sender, %t target, %k unicast|multicast|broadcast, %T type, %i id,\n"
           "  %q sequence, %P priority, %a arrival (ISO 8601), %h{KEY} a header, %r 1 if redelivered, else 0, %% a %;\n"
           "  \\n newline, \\t tab, \\r return, \\0 NUL, \\\\ backslash. No newline is added.\n";
}

bool MessageFormat::parse(std::string_view text, bool escape, MessageFormat& into, std::string& error) {
    into.kind_ = Kind::pieces;
    into.escape_ = escape;
    std::string literal;
    const auto add = [&](char code, std::string key) {
        if (!literal.empty()) into.pieces_.push_back({0, std::exchange(literal, {})});
        into.pieces_.push_back({code, std::move(key)});
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%' && text[i] != '\\') {
            literal += text[i];
            continue;
        }
        const char code = i + 1 < text.size() ? text[i + 1] : '\0';
        const std::string plain = code == 0 ? "" : text[i] == '\\' ? unescaped(code) : code == '%' ? "%" : "";
        if (!plain.empty()) {
            literal += plain;
        } else if (text[i] == '%' && code != 0 && kCodes.find(code) != std::string_view::npos) {
            add(code, "");
        } else if (const auto end = text.find('}', i); text.substr(i, 3) == "%h{" && end != std::string_view::npos) {
            add('h', std::string(text.substr(i + 3, end - i - 3)));
            i = end - 1;
        } else {
            error = fmt::format("'{}' in --format is not known", text.substr(i, 2));
            return false;
        }
        ++i;
    }
    if (!literal.empty()) into.pieces_.push_back({0, std::move(literal)});
    return true;
}

void MessageFormat::append_piece(std::string& out, const Piece& piece, const cast::Message& message,
                                 std::string_view payload) const {
    const auto bytes = [&](std::string_view value) {
        if (escape_)
            append_printable(out, value);
        else
            out += value;
    };
    switch (piece.code) {
        case 0: out += piece.text; break;
        case 'p': bytes(payload); break;
        case 's': bytes(message.sender()); break;
        case 't': bytes(message.target()); break;
        case 'k': out += kind_name(message.kind()); break;
        case 'T': bytes(message.type()); break;
        case 'i': bytes(message.id()); break;
        case 'q': fmt::format_to(std::back_inserter(out), "{}", message.sequence()); break;
        case 'P': fmt::format_to(std::back_inserter(out), "{}", message.priority()); break;
        case 'a': append_time(out, message.arrival()); break;
        case 'r': out += message.redelivered() ? '1' : '0'; break;
        case 'h': bytes(message.header(piece.text).value_or("")); break;
        default: break;
    }
}

void MessageFormat::append(std::string& out, const cast::Message& message, std::string_view payload) const {
    switch (kind_) {
        case Kind::raw: (out += payload) += end_; break;
        case Kind::human: append_human(out, message, payload); break;
        case Kind::json: append_object(out, message, payload); break;
        case Kind::pieces:
            for (const auto& piece : pieces_) append_piece(out, piece, message, payload);
    }
}

}  // namespace nodectl
