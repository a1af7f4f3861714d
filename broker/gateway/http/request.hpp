// Request and Answer: HTTP as the handlers see it, without sockets. A handler answers, or throws a Failure, which
// becomes the one error shape of API.md. Plain values: any thread.
#pragma once
#include <cast/error.hpp>
#include <cast/result.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gateway {

struct Failure : std::runtime_error {
    Failure(int http_status, std::string name, const std::string& message, std::string what_to_do)
        : std::runtime_error(message), status(http_status), code(std::move(name)), hint(std::move(what_to_do)) {}
    explicit Failure(const cast::Error& error)
        : Failure(cast::http_status(error.code), cast::error_name(error.code), error.detail,
                  cast::error_hint(error.code)) {}
    Failure(cast::ErrorCode error, std::string message) : Failure(cast::Error{error, std::move(message)}) {}
    int status;
    std::string code;
    std::string hint;
};

/// JSON values in the body of a management call; a message may have more.
inline constexpr std::size_t kCallValues = 20'000;

struct Request {
    std::string method;                                      ///< GET for HEAD, too
    std::string path;                                        ///< as it came, without the query
    std::vector<std::string> names;                          ///< what stands at the {}s of the route, decoded
    std::vector<std::pair<std::string, std::string>> query;  ///< decoded
    std::string body;
    bool head = false;     ///< HEAD: nobody gets the answer's body
    bool browser = false;  ///< a browser asks, perhaps for a page of another site

    /// A member of the query; nothing when it is not there.
    std::optional<std::string> asked(std::string_view key) const;
    /// The same as a number between `least` and `most`, or `usual`; as yes or no; as a duration. They throw Failures.
    std::uint64_t number(std::string_view key, std::uint64_t usual, std::uint64_t least, std::uint64_t most) const;
    bool yes(std::string_view key) const;
    std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds usual,
                                       std::chrono::milliseconds most) const;
    /// Throws a Failure when the query has a member that is none of these.
    void only(std::initializer_list<std::string_view> keys) const;
    /// The body as an object that has no members but these. Throws Failures.
    nlohmann::json object(std::initializer_list<std::string_view> members, std::size_t most_values = kCallValues) const;
};

struct Answer {
    int status = 200;
    std::shared_ptr<const std::string> body;
    const char* type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
    bool cached = false;  ///< the browser may keep it (the page's files)
};

Answer answer_json(const nlohmann::json& value, int status = 200);
Answer answer_text(std::string text, int status = 200, const char* type = "text/plain; charset=utf-8");
Answer answer_failure(const Failure& failure);
/// The members of the one error shape.
nlohmann::json failure_json(const Failure& failure);

/// JSON as text; bytes that are no UTF-8 become U+FFFD.
std::string dump(const nlohmann::json& value);
/// Percent-decodes; nothing when it is malformed or holds a NUL.
std::optional<std::string> decode(std::string_view text, bool plus_is_space);
/// Splits a target into path and query. Throws a Failure when the query is malformed.
void read_target(std::string_view target, Request& request);

/// Members of JSON objects; these throw a Failure when the member is of another kind.
std::string text_member(const nlohmann::json& object, const char* key, const char* usual = nullptr);
std::vector<std::string> names_member(const nlohmann::json& object, const char* key);
void check_members(const nlohmann::json& object, std::initializer_list<std::string_view> members);

}  // namespace gateway
