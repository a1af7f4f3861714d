// cast/result.hpp: a value, or why there is none.
#include <doctest/doctest.h>

#include <cast/result.hpp>
#include <memory>
#include <string>

using cast::Error;
using cast::ErrorCode;
using cast::Result;

namespace {

Result<int> half(int number) {
    if (number % 2 != 0) return Error{ErrorCode::invalid_argument, std::to_string(number) + " is odd"};
    return number / 2;
}

Result<void> check(bool good) {
    if (!good) return ErrorCode::forbidden;
    return {};
}

}  // namespace

TEST_CASE("a result with a value is ok and gives it out") {
    auto result = half(42);
    REQUIRE(result);
    CHECK(result.ok());
    CHECK(result.code() == ErrorCode::ok);
    CHECK(*result == 21);
    *result = 7;
    const auto& same = result;
    CHECK(same.value() == 7);
    CHECK(*same == 7);
}

TEST_CASE("a result with an error says what went wrong") {
    const auto result = half(3);
    REQUIRE_FALSE(result);
    CHECK_FALSE(result.ok());
    CHECK(result.code() == ErrorCode::invalid_argument);
    CHECK(result.error().detail == "3 is odd");
}

TEST_CASE("a bare code is enough for an error") {
    const Result<std::string> result = ErrorCode::timed_out;
    CHECK_FALSE(result);
    CHECK(result.code() == ErrorCode::timed_out);
    CHECK(result.error().detail.empty());
}

TEST_CASE("a result may hold what can only be moved") {
    Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
    CHECK(**result == 5);
    const std::unique_ptr<int> taken = std::move(result).value();
    CHECK(*taken == 5);
}

TEST_CASE("an arrow reaches into the value") {
    Result<std::string> result = std::string("four");
    CHECK(result->size() == 4);
    const auto& same = result;
    CHECK(same->size() == 4);
}

TEST_CASE("a result without a value is a success or an error") {
    CHECK(check(true));
    CHECK(check(true).code() == ErrorCode::ok);
    const auto refused = check(false);
    CHECK_FALSE(refused);
    CHECK(refused.code() == ErrorCode::forbidden);
    CHECK(refused.error().code == ErrorCode::forbidden);
    const Result<void> detailed = Error{ErrorCode::internal, "why"};
    CHECK(detailed.error().detail == "why");
}

TEST_CASE("an error's text holds its name, its detail and what to do") {
    const std::string bare = Error{ErrorCode::no_such_node, {}}.text();
    CHECK(bare == std::string("no_such_node (") + cast::error_hint(ErrorCode::no_such_node) + ")");
    const std::string full = Error{ErrorCode::no_such_node, "bob"}.text();
    CHECK(full == std::string("no_such_node: bob (") + cast::error_hint(ErrorCode::no_such_node) + ")");
    CHECK_FALSE(Error{}.text().empty());
}
