// How a received message is printed: a line for people, its bytes, a JSON object, or a format string. Compiled once,
// then applied to every message without allocating. Main thread.
#pragma once
#include <cast/message.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nodectl {

class MessageFormat {
public:
    /// "alice: hello", "alice (team): hello" of a group, "alice (all): hello" of a broadcast; see append_printable.
    static MessageFormat human();
    /// The payload's bytes and `end`.
    static MessageFormat raw(std::string end);
    /// One object a line.
    static MessageFormat json();
    /// A format string with the codes of format_help(). `escape`: for a terminal. False and `error` if it is wrong.
    static bool parse(std::string_view text, bool escape, MessageFormat& into, std::string& error);
    static std::string format_help();

    void append(std::string& out, const cast::Message& message) const { append(out, message, message.payload()); }
    /// With something that stands for the payload.
    void append(std::string& out, const cast::Message& message, std::string_view payload) const;

private:
    enum class Kind { human, raw, json, pieces };
    struct Piece {
        char code = 0;  ///< 0: literal text
        std::string text;
    };
    void append_piece(std::string& out, const Piece& piece, const cast::Message& message,
                      std::string_view payload) const;

    Kind kind_ = Kind::human;
    bool escape_ = true;
    std::string end_ = "\n";
    std::vector<Piece> pieces_;
};

const char* kind_name(cast::CastKind kind);

}  // namespace nodectl
