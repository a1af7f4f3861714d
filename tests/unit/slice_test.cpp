// wire/slice.hpp: shared views on bytes, and how long the bytes live.
#include <doctest/doctest.h>

#include "wire/slice.hpp"

using cast::wire::Slice;

TEST_CASE("an empty slice has no bytes and no owner") {
    const Slice slice;
    CHECK(slice.empty());
    CHECK(slice.size() == 0);
    CHECK(slice.view().empty());
    CHECK(slice.owner() == nullptr);
    CHECK(slice.part(0, 0).empty());
}

TEST_CASE("a copy has its own bytes") {
    std::string bytes = "hello";
    const Slice slice = Slice::copy(bytes);
    bytes = "xxxxx";
    CHECK(slice.view() == "hello");
    CHECK(Slice::copy("").empty());
    CHECK(Slice::copy({}).empty());
}

TEST_CASE("taking a string over keeps its bytes, short or long") {
    for (std::size_t size : {0u, 3u, 15u, 16u, 100'000u}) {
        std::string bytes(size, 'x');
        const char* data = bytes.data();
        const Slice slice = Slice::take(std::move(bytes));
        CHECK(slice.size() == size);
        CHECK(slice.view() == std::string(size, 'x'));
        if (size > 15) CHECK(slice.data() == data);  // nothing was copied
    }
}

TEST_CASE("a part is a view on the same bytes and keeps them alive") {
    Slice part;
    {
        const Slice whole = Slice::copy("hello, world");
        part = whole.part(7, 5);
        CHECK(part.data() == whole.data() + 7);
        CHECK(part.owner() == whole.owner());
    }
    CHECK(part.view() == "world");
    CHECK(part.part(1, 3).view() == "orl");
    CHECK(part.part(5, 0).empty());
}

TEST_CASE("the bytes go when the last slice on them goes") {
    bool released = false;
    static constexpr char kBytes[] = "static";
    {
        Slice first(std::shared_ptr<const void>(kBytes, [&](const void*) { released = true; }), kBytes, 6);
        const Slice second = first;
        first = Slice();
        CHECK(first.empty());
        CHECK_FALSE(released);
        CHECK(second.view() == "static");
    }
    CHECK(released);
}
