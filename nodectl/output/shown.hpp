// Messages that the broker shows without handing them out (peek, history, dead letters): its JSON as a line for people
// or in the words of 'recv --json'. Main thread.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace nodectl {

/// "2024-05-01T12:00:00.123456Z alice: hello", "(team)" and "(all)" as recv has them; cut payloads end with their size.
std::string shown_line(const nlohmann::json& message);
/// The members of 'recv --json', and size, cut and acknowledged.
nlohmann::ordered_json shown_json(const nlohmann::json& message);
/// One object and a newline.
std::string json_line(const nlohmann::ordered_json& object);
/// A time as the broker tells it, in microseconds.
std::string time_text(const nlohmann::json& time_us);
std::string text_of(const nlohmann::json& object, const char* key);
std::uint64_t number_of(const nlohmann::json& object, const char* key);

}  // namespace nodectl
