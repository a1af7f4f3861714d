// libcast/PROTOCOL.md against the code: every hex example, the table of error codes, the table of limits.
// The page is found through CAST_SOURCE_DIR (environment or definition), or beside this file.
#include <doctest/doctest.h>

#include <cast/error.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "support/hex.hpp"
#include "support/wire_check.hpp"
#include "support/wire_examples.hpp"
#include "wire/limits.hpp"

using namespace cast::wire;
using namespace cast::test;

namespace {

std::filesystem::path source_dir() {
    if (const char* dir = std::getenv("CAST_SOURCE_DIR")) return dir;
#ifdef CAST_SOURCE_DIR
    if (std::filesystem::exists(CAST_SOURCE_DIR)) return CAST_SOURCE_DIR;
#endif
    return std::filesystem::path(__FILE__).parent_path() / "../..";
}

std::vector<std::string> lines_of(const char* file) {
    std::ifstream in(source_dir() / file);
    REQUIRE_MESSAGE(in.good(), "cannot read ", file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

const std::vector<std::string>& page() {
    static const std::vector<std::string> lines = lines_of("libcast/PROTOCOL.md");
    return lines;
}

/// The page's blocks "```hex NAME": name and bytes. What stands on a line after two spaces is explanation.
std::vector<Example> page_examples() {
    std::vector<Example> found;
    bool within = false;
    for (const std::string& line : page()) {
        if (line.rfind("```", 0) == 0) {
            within = line.rfind("```hex ", 0) == 0;
            if (within) found.push_back({line.substr(7), {}});
        } else if (within) {
            found.back().bytes += unhex(line.substr(0, line.find("  ")));
        }
    }
    return found;
}

/// The rows of the table under a heading, cut into cells without their spaces and backquotes. A row whose first cell is
/// empty goes on with the one above it.
std::vector<std::vector<std::string>> page_table(const std::string& heading) {
    std::vector<std::vector<std::string>> rows;
    bool within = false;
    for (const std::string& line : page()) {
        if (line.rfind('#', 0) == 0) within = line == heading;
        if (!within || line.rfind('|', 0) != 0) continue;
        std::vector<std::string> cells;
        std::istringstream in(line.substr(1));
        for (std::string cell; std::getline(in, cell, '|');) {
            const auto first = cell.find_first_not_of(" `"), last = cell.find_last_not_of(" `");
            cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
        }
        if (!cells.front().empty() || rows.size() < 2) {  // the head's may be empty, too
            rows.push_back(cells);
        } else {
            REQUIRE(cells.size() == rows.back().size());
            for (std::size_t i = 0; i < cells.size(); ++i)
                if (!cells[i].empty()) rows.back()[i] += " " + cells[i];
        }
    }
    if (rows.size() >= 2) rows.erase(rows.begin(), rows.begin() + 2);  // the head and the line below it
    return rows;
}

/// "64 KiB", "1024" or "0xCA" as a number.
std::size_t number(const std::string& text) {
    std::size_t end = 0;
    const std::size_t value = std::stoul(text, &end, 0);
    const std::string unit = text.substr(end);
    REQUIRE((unit.empty() || unit == " KiB" || unit == " MiB"));
    return unit.empty() ? value : value << (unit == " KiB" ? 10 : 20);
}

std::map<std::string, std::size_t> limits() {
    return {
        {"kMagic", kMagic},
        {"kVersion", kVersion},
        {"kNewestVersion", kNewestVersion},
        {"kSecret", kSecret},
        {"kMaxHost", kMaxHost},
        {"kFrameHeader", kFrameHeader},
        {"kBatchHeader", kBatchHeader},
        {"kMaxName", kMaxName},
        {"kMaxType", kMaxType},
        {"kMaxHeaders", kMaxHeaders},
        {"kMaxHeaderCount", kMaxHeaderCount},
        {"kMaxMessage", kMaxMessage},
        {"kHardMaxMessage", kHardMaxMessage},
        {"kRecordOverhead", kRecordOverhead},
        {"kBatchSeal", kBatchSeal},
        {"kFrameFill", kFrameFill},
        {"kControlMax", kControlMax},
        {"kControlList", kControlList},
        {"kSenderWindow", kSenderWindow},
        {"kSenderBatches", kSenderBatches},
        {"kReaderWindow", kReaderWindow},
        {"kReaderBatches", kReaderBatches},
        {"kFetchBytes", kFetchBytes},
        {"kAttachMax", kAttachMax},
        {"kConnectionNodes", kConnectionNodes},
        {"kAttachPositions", kAttachPositions},
        {"kAckEntries", kAckEntries},
        {"kAckExceptions", kAckExceptions},
        {"kRefusalsKept", kRefusalsKept},
        {"kPriorities", kPriorities},
        {"kDefaultPriority", kDefaultPriority},
    };
}

/// The names of all constants that limits.hpp defines.
std::set<std::string> constants_of_limits_hpp() {
    std::set<std::string> names;
    for (const std::string& line : lines_of("libcast/wire/limits.hpp")) {
        const auto equals = line.find(" =");
        if (line.rfind("inline constexpr ", 0) != 0 || equals == std::string::npos) continue;
        const auto space = line.rfind(' ', equals - 1);
        names.insert(line.substr(space + 1, equals - space - 1));
    }
    return names;
}

}  // namespace

TEST_CASE("the page's examples are what the code encodes, all of them, in order") {
    const auto on_page = page_examples(), built = wire_examples();
    REQUIRE(on_page.size() == built.size());
    for (std::size_t i = 0; i < built.size(); ++i) {
        CAPTURE(built[i].name);
        CHECK(on_page[i].name == built[i].name);
        CHECK(hex(on_page[i].bytes) == hex(built[i].bytes));
    }
}

TEST_CASE("the page's examples decode, and encode to themselves") {
    for (const Example& example : page_examples()) {
        CAPTURE(example.name);
        const Exact exact(example.bytes);
        std::optional<std::string> again;
        if (example.name.rfind("record", 0) == 0) {
            again = record_again(exact.view());
        } else if (example.name.rfind("batch", 0) == 0) {
            again = batches_again(exact.view());
        } else {
            again = example.name == "headers" ? headers_again(exact.view()) : frame_again(exact.view());
        }
        REQUIRE(again);
        CHECK(hex(*again) == hex(example.bytes));
    }
}

TEST_CASE("the page's table of bodies has every verb with an example, and no other") {
    std::map<std::string, int> on_page, built;
    for (const auto& row : page_table("### Bodies")) on_page[row.at(1)] = std::stoi(row.at(0));
    for (const Example& example : frame_examples()) {
        std::string name = example.name.substr(0, example.name.find('-'));  // with fields, it is the same verb
        for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        built[name] = static_cast<unsigned char>(example.bytes[2]);
    }
    CHECK(on_page == built);
}

TEST_CASE("the page's error codes are the code's") {
    const auto rows = page_table("### Error codes");
    REQUIRE(rows.size() == cast::kErrorCodes);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto code = static_cast<cast::ErrorCode>(i);
        CAPTURE(i);
        REQUIRE(rows[i].size() == 5);
        CHECK(rows[i][0] == std::to_string(i));
        CHECK(rows[i][1] == cast::error_name(code));
        CHECK(rows[i][2] == std::to_string(cast::http_status(code)));
        CHECK(rows[i][3] == std::to_string(cast::exit_code(code)));
        CHECK(rows[i][4] == cast::error_hint(code));
    }
}

TEST_CASE("the page's limits are the code's, and none is missing") {
    std::map<std::string, std::size_t> on_page;
    for (const auto& row : page_table("### Limits")) on_page[row.at(0)] = number(row.at(1));
    CHECK(on_page == limits());
    std::set<std::string> named;
    for (const auto& [name, value] : on_page) named.insert(name);
    CHECK(named == constants_of_limits_hpp());
}
