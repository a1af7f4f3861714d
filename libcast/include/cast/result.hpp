// cast/result.hpp: a value, or why there is none. The library throws nothing: every call that can fail returns a
// Result. Two things are not its errors. A program without memory gets std::bad_alloc, out of the call that wanted
// some, or as its end, when that was a thread of the library; either way the connection is of no more use. And what a
// program's own callback throws comes out of the call that it was given to, or ends the program when libcast's own
// thread had called it (Node::on_message, Options::on_refused and on_notice). Plain values: any thread.
#pragma once
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "cast/error.hpp"

namespace cast {

/// What went wrong: a code to act on and a sentence to show. The sentence may be empty; text() never is.
struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string detail;  ///< what was wrong, with the names and numbers of this case; or empty

    /// "no_such_node: bob: no such node; ...": the name, the detail, and what to do.
    std::string text() const {
        std::string out = error_name(code);
        if (!detail.empty()) out += ": " + detail;
        return out + " (" + error_hint(code) + ")";
    }
};

/// A value of type T, or an Error. Check it with `if (result)` before taking the value out;
/// value() of a failed result ends the program.
template <class T>
class [[nodiscard]] Result {
public:
    // NOLINTBEGIN(google-explicit-constructor): a function returns its value, or an error, as it is
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    Result(ErrorCode code) : state_(std::in_place_index<1>, Error{code, {}}) {}
    // NOLINTEND(google-explicit-constructor)

    explicit operator bool() const noexcept { return state_.index() == 0; }
    bool ok() const noexcept { return state_.index() == 0; }
    T& value() & { return require(); }
    const T& value() const& { return const_cast<Result*>(this)->require(); }
    T&& value() && { return std::move(require()); }
    T& operator*() { return require(); }
    const T& operator*() const { return value(); }
    T* operator->() { return &require(); }
    const T* operator->() const { return &value(); }

    /// ok when there is a value.
    ErrorCode code() const noexcept { return ok() ? ErrorCode::ok : std::get_if<1>(&state_)->code; }
    /// The error; only of a failed result.
    const Error& error() const {
        if (ok()) std::abort();
        return *std::get_if<1>(&state_);
    }

private:
    T& require() {
        if (!ok()) std::abort();
        return *std::get_if<0>(&state_);
    }
    std::variant<T, Error> state_;
};

/// Success, or an Error.
template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    // NOLINTBEGIN(google-explicit-constructor)
    Result(Error error) {
        if (error.code != ErrorCode::ok) error_ = std::make_shared<const Error>(std::move(error));
    }
    Result(ErrorCode code) : Result(Error{code, {}}) {}
    // NOLINTEND(google-explicit-constructor)

    explicit operator bool() const noexcept { return ok(); }
    bool ok() const noexcept { return error_ == nullptr; }
    ErrorCode code() const noexcept { return error_ ? error_->code : ErrorCode::ok; }
    /// The error; only of a failed result.
    const Error& error() const {
        if (!error_) std::abort();
        return *error_;
    }

private:
    std::shared_ptr<const Error> error_;  // null: success, which costs nothing to make or to drop
};

}  // namespace cast
