// The configuration file as a flat list of keys with their values and lines. Main thread, at start and on SIGHUP.
// It reads the part of TOML that settings need: key = "string", 'string', whole number, true, false, or a list of
// these; comments. It knows no setting: what a key means, and whether it exists, is options.cpp's business.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace broker {

struct ConfigEntry {
    std::string key;
    std::vector<std::string> values;  ///< as text: "1MiB", "10000", "true"; several for a list
    unsigned line = 0;
};

struct ConfigFile {
    std::vector<ConfigEntry> entries;  ///< in the order of the file
    std::string error;                 ///< the first mistake, "PATH:LINE: what is wrong", or empty
};

/// Files over 1 MiB, and what is not a regular file, are refused.
ConfigFile read_config_file(const std::string& path);

/// The same for text at hand; path only names it in the error.
ConfigFile parse_config(std::string_view text, const std::string& path);

}  // namespace broker
