// Fuzzes the stream of records that a reader walks, and header maps: views lie inside the input, and what decodes
// encodes to something that decodes to the same.
#include <cstdint>
#include <cstdlib>

#include "support/wire_check.hpp"

namespace {

using namespace cast::wire;
using namespace cast::test;

void require(bool good) {
    if (!good) std::abort();
}

void check_headers(std::string_view encoded) {
    const bool good = for_each_header(encoded, [&](std::string_view key, std::string_view value) {
        require(!key.empty() && inside(key, encoded) && inside(value, encoded));
    });
    const auto once = headers_again(encoded);
    require(once.has_value() == good);
    if (once) require(once->size() <= encoded.size() && headers_again(*once) == once);
}

void check_record(const RecordView& record, std::string_view input) {
    const std::string_view type = record.type;
    const bool known = type == "text" || type == "json" || type == "binary" || type == "file";
    require(!type.empty() && type.size() <= kMaxType && (known || inside(type, input)));
    require(record.headers.size() <= kMaxHeaders && inside(record.headers, input) && inside(record.payload, input));
    std::string again;
    append_record(again, record.type, record.headers, record.payload);
    require(again.size() <= record_bound(record.type, record.headers, record.payload));
    Reader in(again);
    const auto same = read_record(in);
    require(same && in.done());
    require(same->type == record.type && same->headers == record.headers && same->payload == record.payload);
    check_headers(record.headers);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    Reader in(input);
    while (in.left() > 0) {
        const std::size_t before = in.left();
        const auto record = read_record(in);
        require(in.left() < before);
        if (!record) break;
        require(before - in.left() >= 2);  // what a batch's count is bounded by
        check_record(*record, input);
    }
    check_headers(input);
    return 0;
}
