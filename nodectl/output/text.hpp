// Bytes for people and for machines: escaping for terminals, times. Pure; they
// append to a buffer of the caller, because recv calls them for every message.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

namespace nodectl {

/// Appends text that cannot drive a terminal: control characters, bytes that are not UTF-8 and characters
/// that turn the writing direction come as \n, \x1b, \u202e. Tabs stay; newlines only if `lines`.
void append_printable(std::string& out, std::string_view bytes, bool lines = false);
std::string printable(std::string_view bytes, bool lines = false);

/// 2024-05-01T12:00:00.123456Z
void append_time(std::string& out, std::chrono::system_clock::time_point time);

/// "1 message", "2 messages".
std::string counted(std::uint64_t count, std::string_view noun);

/// What is wrong with a count that somebody wrote, as a CLI11 check says it; "" if nothing is.
std::string count_trouble(const std::string& text);
/// What is wrong with an id that somebody typed, and which command shows the right ones; empty when nothing is.
std::string id_trouble(const std::string& text, std::string_view listed_by);

}  // namespace nodectl
