// cast/error.hpp: the one table of error codes.
#include <doctest/doctest.h>

#include <cast/error.hpp>
#include <cctype>
#include <set>
#include <string>

using cast::ErrorCode;

namespace {

ErrorCode code(int number) { return static_cast<ErrorCode>(number); }

}  // namespace

TEST_CASE("every code has a name of its own, in lower case") {
    std::set<std::string> names;
    for (int i = 0; i < cast::kErrorCodes; ++i) {
        const std::string name = cast::error_name(code(i));
        CAPTURE(name);
        CHECK(names.insert(name).second);
        CHECK(name != "unknown");
        for (char c : name) CHECK((std::islower(static_cast<unsigned char>(c)) || c == '_'));
    }
}

TEST_CASE("the names stand at the numbers that the enumeration gives them") {
    CHECK(cast::error_name(ErrorCode::ok) == std::string("ok"));
    CHECK(cast::error_name(ErrorCode::malformed) == std::string("malformed"));
    CHECK(cast::error_name(ErrorCode::no_such_node) == std::string("no_such_node"));
    CHECK(cast::error_name(ErrorCode::not_attached) == std::string("not_attached"));
    CHECK(cast::error_name(ErrorCode::mailbox_full) == std::string("mailbox_full"));
    CHECK(cast::error_name(ErrorCode::timed_out) == std::string("timed_out"));
    CHECK(cast::error_name(ErrorCode::session_expired) == std::string("session_expired"));
    CHECK(cast::error_name(ErrorCode::shutting_down) == std::string("shutting_down"));
    CHECK(cast::error_name(ErrorCode::out_of_order) == std::string("out_of_order"));
    CHECK(cast::error_name(ErrorCode::undeliverable) == std::string("undeliverable"));
    CHECK(cast::error_name(ErrorCode::not_saved) == std::string("not_saved"));
    CHECK(cast::error_name(ErrorCode::not_leader) == std::string("not_leader"));
    CHECK(static_cast<int>(ErrorCode::not_leader) == cast::kErrorCodes - 1);
}

TEST_CASE("only ok is a success, for HTTP and for a shell") {
    CHECK(cast::http_status(ErrorCode::ok) == 200);
    CHECK(cast::exit_code(ErrorCode::ok) == 0);
    for (int i = 1; i < cast::kErrorCodes; ++i) {
        CAPTURE(i);
        CHECK(cast::http_status(code(i)) >= 400);
        CHECK(cast::http_status(code(i)) <= 599);
        CHECK(cast::exit_code(code(i)) >= 1);
        CHECK(cast::exit_code(code(i)) <= 7);
    }
}

TEST_CASE("every hint is one line that a table can hold") {
    for (int i = 0; i < cast::kErrorCodes; ++i) {
        const std::string hint = cast::error_hint(code(i));
        CAPTURE(hint);
        CHECK_FALSE(hint.empty());
        CHECK(hint.find_first_of("\n\r|") == std::string::npos);
    }
}

TEST_CASE("numbers that are not in the table are unknown failures") {
    for (int number : {static_cast<int>(cast::kErrorCodes), 1000, 0xFFFF}) {
        CHECK(cast::error_name(code(number)) == std::string("unknown"));
        CHECK(cast::http_status(code(number)) == 500);
        CHECK(cast::exit_code(code(number)) == 1);
        CHECK(std::string(cast::error_hint(code(number))) != "");
    }
}
