// clean_file_name and numbered_name: whatever a sender calls a file, it is one harmless name in the folder.
#include <doctest/doctest.h>

#include <cast/transfer.hpp>

#include <random>
#include <string>
#include <vector>

#include "src/transfer/transfer_name.hpp"

using cast::clean_file_name;
using cast::detail::numbered_name;

TEST_CASE("a harmless name stays as it is") {
    for (const char* name :
         {"a", "report.pdf", "two words.txt", "a..b", "x.tar.gz", "~", "Ärger.txt", "报告.pdf", "😀.png", "a (1)"}) {
        CAPTURE(name);
        CHECK(clean_file_name(name) == name);
    }
}

TEST_CASE("only the last component counts, whatever the slashes") {
    CHECK(clean_file_name("../../etc/passwd") == "passwd");
    CHECK(clean_file_name("/etc/passwd") == "passwd");
    CHECK(clean_file_name("C:\\Windows\\system.ini") == "system.ini");
    CHECK(clean_file_name("..\\..\\x") == "x");
    CHECK(clean_file_name("a/b\\c") == "c");
    CHECK(clean_file_name("folder/") == "file");
    CHECK(clean_file_name("/") == "file");
    CHECK(clean_file_name("") == "file");
}

TEST_CASE("names that mean something else, or hide, do not") {
    CHECK(clean_file_name(".") == "_");
    CHECK(clean_file_name("..") == "__");
    CHECK(clean_file_name("x/..") == "__");
    CHECK(clean_file_name(".bashrc") == "_bashrc");
    CHECK(clean_file_name(".cast-0.part") == "_cast-0.part");
    CHECK(clean_file_name("-rf") == "_rf");
    CHECK(clean_file_name("--help") == "__help");
    CHECK(clean_file_name("-.-x") == "___x");
}

TEST_CASE("control characters, bytes that are no UTF-8 and marks that turn the writing direction are replaced") {
    CHECK(clean_file_name(std::string("a\0b", 3)) == "a_b");
    CHECK(clean_file_name(std::string("evil\0/../x", 10)) == "x");
    CHECK(clean_file_name("a\nb\x1b[31m\x7f") == "a_b_[31m_");
    CHECK(clean_file_name("\xff\xfe.txt") == "__.txt");
    CHECK(clean_file_name("a\xc3") == "a_");
    CHECK(clean_file_name("\xc0\xaf") == "__");       // an overlong slash
    CHECK(clean_file_name("\xe0\x80\xaf") == "___");  // and a longer one
    CHECK(clean_file_name("\xed\xa0\x80") == "___");  // half a surrogate
    CHECK(clean_file_name("\xf5\x80\x80\x80") == "____");
    CHECK(clean_file_name("exe\u202Efdp.scr") == "exe_fdp.scr");
    CHECK(clean_file_name("a\u0085b\u2028c\u2066d") == "a_b_c_d");
}

TEST_CASE("a long name keeps its beginning and its ending, and whole characters") {
    CHECK(clean_file_name(std::string(200, 'x')).size() == 200);
    const std::string cut = clean_file_name(std::string(5000, 'x') + ".tar.gz");
    CHECK(cut == std::string(193, 'x') + ".tar.gz");
    CHECK(clean_file_name("a." + std::string(5000, 'y')).size() == 200);
    std::string wide;
    for (int i = 0; i < 1000; ++i) wide += "€";
    const std::string narrow = clean_file_name(wide + ".txt");
    CHECK(narrow.size() <= 200);
    CHECK(narrow.size() > 196);
    CHECK(narrow == clean_file_name(narrow));  // still valid
    CHECK(narrow.substr(narrow.size() - 4) == ".txt");
}

TEST_CASE("any bytes at all become a name that is one component and that stays as it is") {
    std::mt19937 random(7);
    const std::vector<std::string> pieces = {
        "/",   "\\", ".", "-", std::string(1, '\0'), "\xff", "\xe2\x80\xae", "a", "\n", "\xc3", std::string(90, 'b'),
        "\xa9"};
    for (int round = 0; round < 20000; ++round) {
        std::string name;
        for (unsigned i = random() % 12; i > 0; --i) name += pieces[random() % pieces.size()];
        const std::string clean = clean_file_name(name);
        REQUIRE(!clean.empty());
        REQUIRE(clean.size() <= 200);
        REQUIRE(clean[0] != '.');
        REQUIRE(clean[0] != '-');
        REQUIRE(clean.find_first_of(std::string("/\\\n\0", 4)) == std::string::npos);
        REQUIRE(clean_file_name(clean) == clean);
    }
}

TEST_CASE("a number goes before the ending") {
    CHECK(numbered_name("report.pdf", 0) == "report.pdf");
    CHECK(numbered_name("report.pdf", 1) == "report-1.pdf");
    CHECK(numbered_name("x.tar.gz", 12) == "x-12.tar.gz");
    CHECK(numbered_name("x.tar", 1) == "x-1.tar");
    CHECK(numbered_name("README", 2) == "README-2");
    CHECK(numbered_name("_bashrc", 1) == "_bashrc-1");
    CHECK(numbered_name("v1.an ending that is none", 1) == "v1.an ending that is none-1");
}
