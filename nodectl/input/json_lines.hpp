// One line of 'send --jsonl': a JSON object becomes an envelope and a payload. Takes what 'recv --json' prints, too.
// Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "nodectl/sender.hpp"

namespace nodectl {

/// Fills `envelope` (which holds the command line's values) and `payload`. Nothing when all is well, else what is
/// wrong.
std::optional<std::string> parse_json_line(std::string_view line, Envelope& envelope, std::string& payload);

inline const std::string kJsonLinesHelp =
    "--jsonl: each line is an object with \"payload\" (a string; any other JSON value makes a message of type\n"
    "  json) or \"payload_b64\", and what shall differ from the command line: \"to\" (a name or a list of names),\n"
    "  \"group\", \"broadcast\": true, \"type\", \"headers\": {}, \"priority\", \"ttl\" (\"30s\" or seconds), \"id\",\n"
    "  \"delay\" (as ttl), \"at\" (as --at). Other members are ignored.\n";

}  // namespace nodectl
