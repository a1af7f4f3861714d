// Reading what a request asks for, and writing answers. Pure; any thread.
#include "gateway/http/request.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/duration.hpp"
#include "base/json_text.hpp"

namespace gateway {

using cast::ErrorCode;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

Failure bad_query(std::string_view key, const std::string& why) {
    return Failure(400, "malformed", "?" + std::string(key) + "= " + why, "API.md lists what this path takes");
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char low = static_cast<char>(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

std::string listed(std::initializer_list<std::string_view> names) {
    std::string out;
    for (const auto name : names) out += (out.empty() ? "" : ", ") + std::string(name);
    return out.empty() ? "none" : out;
}

}  // namespace

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '+' && plus_is_space) c = ' ';
        if (c == '%') {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (c == 0) return std::nullopt;
        out += c;
    }
    return out;
}

void read_target(std::string_view target, Request& request) {
    const std::size_t mark = std::min(target.find('?'), target.size());
    request.path = target.substr(0, mark);
    std::string_view rest = target.substr(std::min(mark + 1, target.size()));
    while (!rest.empty()) {
        const auto end = static_cast<std::size_t>(std::find(rest.begin(), rest.end(), '&') - rest.begin());
        const std::string_view part = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (part.empty()) continue;
        const std::size_t equals = std::min(part.find('='), part.size());
        auto key = decode(part.substr(0, equals), true);
        auto value = decode(part.substr(std::min(equals + 1, part.size())), true);
        if (!key || !value) throw Failure(400, "malformed", "the query is not percent-encoded", "write % as %25");
        request.query.emplace_back(std::move(*key), std::move(*value));
    }
}

std::optional<std::string> Request::asked(std::string_view key) const {
    for (const auto& [name, value] : query)
        if (name == key) return value;
    return std::nullopt;
}

std::uint64_t Request::number(std::string_view key, std::uint64_t usual, std::uint64_t least,
                              std::uint64_t most) const {
    const auto text = asked(key);
    if (!text) return usual;
    const auto value = parse_number(*text);
    if (!value || *value < least || *value > most)
        throw bad_query(key, "is a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return *value;
}

bool Request::yes(std::string_view key) const {
    const auto text = asked(key);
    if (!text || *text == "false" || *text == "0") return false;
    if (*text != "true" && *text != "1" && !text->empty()) throw bad_query(key, "is true or false");
    return true;
}

milliseconds Request::duration(std::string_view key, milliseconds usual, milliseconds most) const {
    const auto text = asked(key);
    if (!text) return usual;
    const auto value = cast::base::parse_duration(*text);
    if (!value || *value > most)
        throw bad_query(key, "is a duration of at most " + std::to_string(most.count() / 1000) +
                                 "s; write 250ms, 30s, 5m, 1.5h, 2d");
    return *value;
}

void Request::only(std::initializer_list<std::string_view> keys) const {
    for (const auto& [name, value] : query)
        if (std::find(keys.begin(), keys.end(), name) == keys.end())
            throw bad_query(name, "is not known here; known: " + listed(keys));
}

json Request::object(std::initializer_list<std::string_view> members, std::size_t most_values) const {
    json value = cast::base::parse_json(body, most_values);
    const std::string hint = "send a JSON object with any of " + listed(members) + "; /api/openapi.json has examples";
    if (value.is_discarded())
        throw Failure(400, "malformed",
                      "the body is not JSON, nests deeper than " + std::to_string(cast::base::kDeepest) +
                          " levels, or has more than " + std::to_string(most_values) + " values",
                      hint);
    if (!value.is_object()) throw Failure(400, "malformed", "the body is no JSON object", hint);
    check_members(value, members);
    return value;
}

void check_members(const json& object, std::initializer_list<std::string_view> members) {
    for (const auto& [key, value] : object.items())
        if (std::find(members.begin(), members.end(), key) == members.end())
            throw Failure(422, "invalid_argument", "no such member: \"" + key.substr(0, 60) + "\"",
                          "known members: " + listed(members));
}

std::string text_member(const json& object, const char* key, const char* usual) {
    const auto at = object.find(key);
    if (at == object.end() || at->is_null()) {
        if (usual != nullptr) return usual;
        throw Failure(422, "invalid_argument", std::string("\"") + key + "\" is missing", "give it as a string");
    }
    if (!at->is_string())
        throw Failure(422, "invalid_argument", std::string("\"") + key + "\" is no string", "give it as a string");
    return at->get<std::string>();
}

std::vector<std::string> names_member(const json& object, const char* key) {
    const auto at = object.find(key);
    const bool fine = at != object.end() && at->is_array() &&
                      std::all_of(at->begin(), at->end(), [](const json& j) { return j.is_string(); });
    if (!fine)
        throw Failure(422, "invalid_argument", std::string("\"") + key + "\" is no list of names",
                      "give it as [\"alice\", \"bob\"]");
    return at->get<std::vector<std::string>>();
}

std::string dump(const json& value) { return cast::base::dump_json(value); }

Answer answer_json(const json& value, int status) {
    Answer answer;
    answer.status = status;
    std::string text = dump(value) + "\n";
    text.shrink_to_fit();  // it may wait for its reader, and twice its size would be held
    answer.body = std::make_shared<const std::string>(std::move(text));
    return answer;
}

Answer answer_text(std::string text, int status, const char* type) {
    Answer answer;
    answer.status = status;
    answer.type = type;
    answer.body = std::make_shared<const std::string>(std::move(text));
    return answer;
}

json failure_json(const Failure& failure) {
    return {{"code", failure.code}, {"message", failure.what()}, {"hint", failure.hint}};
}
Answer answer_failure(const Failure& failure) { return answer_json(failure_json(failure), failure.status); }

}  // namespace gateway
