// Reading the configuration file. Not CLI11's reader: that one forgets the lines, cuts strings at a '#' and takes
// unclosed lists and stray words for settings; and not toml++ 3.3: it aborts on "[[[".
#include "config/config_file.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

namespace broker {
namespace {

constexpr std::uintmax_t kMaxFile = 1u << 20;

bool is_key_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_'; }

/// Reads one entry after the other; stops for good at the first mistake.
class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    /// The next entry; none at the end of the text or after a mistake (see fault).
    std::optional<ConfigEntry> next() {
        skip_blank_lines();
        if (at_end()) return std::nullopt;
        ConfigEntry entry{{}, {}, line_};
        if (!read_key(entry.key)) return std::nullopt;
        skip_spaces();
        if (!take('=')) return fail("expected \"=\" after \"" + entry.key.substr(0, 60) + "\"");
        skip_spaces();
        if (!(peek() == '[' ? read_list(entry.values) : read_value(entry.values))) return std::nullopt;
        skip_spaces();
        skip_comment();
        if (!at_end() && peek() != '\n') return fail("expected the end of the line after the value");
        return entry;
    }

    const std::string& fault() const { return fault_; }
    unsigned line() const { return line_; }

private:
    bool at_end() const { return at_ >= text_.size(); }
    char peek() const { return at_end() ? '\0' : text_[at_]; }
    bool take(char c) {
        if (at_end() || peek() != c) return false;
        if (c == '\n') ++line_;
        ++at_;
        return true;
    }
    std::nullopt_t fail(std::string fault) {
        fault_ = std::move(fault);
        return std::nullopt;
    }

    void skip_spaces() {
        while (take(' ') || take('\t') || take('\r')) {
        }
    }
    void skip_comment() {
        if (peek() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
    }
    void skip_blank_lines() {
        do {
            skip_spaces();
            skip_comment();
        } while (take('\n'));
    }

    std::string_view take_letters(bool (*wanted)(char)) {
        const auto begin = at_;
        while (!at_end() && wanted(peek())) ++at_;
        return text_.substr(begin, at_ - begin);
    }

    bool read_key(std::string& key) {
        if (peek() == '"' || peek() == '\'') return read_string(key);
        key = take_letters(is_key_letter);
        if (key.empty()) fail(peek() == '[' ? "sections are not used here: the keys stand alone" : "expected a key");
        return !key.empty();
    }

    bool read_value(std::vector<std::string>& values) {
        auto& value = values.emplace_back();
        if (peek() == '"' || peek() == '\'') return read_string(value);
        value = take_letters([](char c) { return is_key_letter(c) || c == '+' || c == '.' || c == ':'; });
        const auto digit = [](unsigned char c) { return std::isdigit(c) != 0 || c == '_'; };
        const auto digits = std::string_view(value).substr(value.starts_with('-') || value.starts_with('+') ? 1 : 0);
        if (value == "true" || value == "false" || (!digits.empty() && std::ranges::all_of(digits, digit))) return true;
        fail("expected a value: a string in quotes, a whole number, true or false");
        return false;
    }

    bool read_list(std::vector<std::string>& values) {
        take('[');
        for (skip_blank_lines(); !take(']'); skip_blank_lines()) {
            if (!read_value(values)) return false;
            skip_blank_lines();
            if (!take(',') && peek() != ']') {
                fail("expected \",\" or \"]\" in the list");
                return false;
            }
        }
        return true;
    }

    bool read_string(std::string& value) {
        const char quote = text_[at_++];
        while (!at_end() && static_cast<unsigned char>(peek()) >= 0x20 && peek() != 0x7f) {
            char c = text_[at_++];
            if (c == quote) return true;
            if (c == '\\' && quote == '"' && !unescape(c)) return false;
            value += c;
        }
        fail("a string without its closing quote");
        return false;
    }

    bool unescape(char& c) {
        constexpr std::string_view kEscapes = "\"\\ntr", kMeanings = "\"\\\n\t\r";
        const auto which = at_end() ? std::string_view::npos : kEscapes.find(text_[at_++]);
        if (which != std::string_view::npos) c = kMeanings[which];
        if (which == std::string_view::npos) fail("only \\\" \\\\ \\n \\t \\r may follow a backslash in a string");
        return which != std::string_view::npos;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
    std::string fault_;
};

/// The whole file; or an empty text, and why it cannot be had.
std::string slurp(const std::string& path, std::string& error) {
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
        error = path + ": not a regular file";
        return {};
    }
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        error = path + ": cannot read it: " + std::strerror(errno);
        return {};
    }
    std::string text(kMaxFile + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMaxFile) error = path + ": more than 1 MiB cannot be a configuration";
    return text;
}

}  // namespace

ConfigFile parse_config(std::string_view text, const std::string& path) {
    ConfigFile file;
    Reader reader(text);
    const auto place = [&](unsigned line) { return path + ":" + std::to_string(line) + ": "; };
    while (auto entry = reader.next()) {
        const auto first = std::ranges::find(file.entries, entry->key, &ConfigEntry::key);
        if (first != file.entries.end()) {
            file.error = place(entry->line) + entry->key + ": given before, in line " + std::to_string(first->line);
            return file;
        }
        file.entries.push_back(std::move(*entry));
    }
    if (!reader.fault().empty()) file.error = place(reader.line()) + reader.fault();
    return file;
}

ConfigFile read_config_file(const std::string& path) {
    ConfigFile file;
    const auto text = slurp(path, file.error);
    return file.error.empty() ? parse_config(text, path) : file;
}

}  // namespace broker
