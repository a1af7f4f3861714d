// See json_text.hpp.
#include "base/json_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.hpp"

namespace cast::base {
namespace {

/// Counts the values of a text and its levels, and keeps nothing; ends the reading of what has too many.
class JsonBounds {
public:
    explicit JsonBounds(std::size_t most) : left_(most) {}
    bool null() { return value(); }
    bool boolean(bool) { return value(); }
    bool number_integer(std::int64_t) { return value(); }
    bool number_unsigned(std::uint64_t) { return value(); }
    bool number_float(double, const std::string&) { return value(); }
    bool string(std::string&) { return value(); }
    bool binary(nlohmann::json::binary_t&) { return value(); }
    bool key(std::string&) { return value(); }
    bool start_object(std::size_t) { return value() && ++depth_ <= kDeepest; }
    bool start_array(std::size_t) { return value() && ++depth_ <= kDeepest; }
    bool end_object() { return --depth_ >= 0; }
    bool end_array() { return --depth_ >= 0; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) { return false; }

private:
    bool value() { return left_-- > 0; }
    std::size_t left_;
    int depth_ = 0;
};

constexpr auto kReplace = nlohmann::json::error_handler_t::replace;

void append_escape(std::string& out, char32_t point) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[point >> shift & 15];
}

/// Bytes from the front that are written as they are.
std::size_t plain_bytes(std::string_view text) {
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), plain) - text.begin());
}

}  // namespace

/// It is read twice, because the library's own way to look on while it reads takes time by the square of an array's
/// length.
nlohmann::json parse_json(std::string_view text, std::size_t most) {
    JsonBounds bounds(most);
    if (!nlohmann::json::sax_parse(text, &bounds)) return nlohmann::json(nlohmann::json::value_t::discarded);
    return nlohmann::json::parse(text, nullptr, false);
}

std::string dump_json(const nlohmann::json& value) { return value.dump(-1, ' ', false, kReplace); }
std::string dump_json(const nlohmann::ordered_json& value) { return value.dump(-1, ' ', false, kReplace); }

void append_json_string(std::string& out, std::string_view bytes) {
    out += '"';
    while (!bytes.empty()) {
        const std::size_t plain = plain_bytes(bytes);
        out += bytes.substr(0, plain);
        bytes.remove_prefix(plain);
        if (bytes.empty()) break;
        const Character c = first_character(bytes);
        if (c.size == 0)
            out += "\\ufffd";
        else if (c.point == '"' || c.point == '\\')
            (out += '\\') += static_cast<char>(c.point);
        else if (c.point == '\n')
            out += "\\n";
        else if (c.point == '\t')
            out += "\\t";
        else if (c.point == '\r')
            out += "\\r";
        else if (drives_terminal(c.point))
            append_escape(out, c.point);
        else
            out += bytes.substr(0, c.size);
        bytes.remove_prefix(c.size == 0 ? 1 : c.size);
    }
    out += '"';
}

}  // namespace cast::base
