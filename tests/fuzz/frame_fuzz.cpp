// Fuzzes frames: what decodes encodes to the same bytes, whatever the verb; and every decoder bears every body.
#include <cstdint>
#include <cstdlib>

#include "support/wire_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cast::wire;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (!cast::test::frame_is_stable(input)) std::abort();
    Frame frame;
    if (read_frame(input, frame) != cast::ErrorCode::ok) return 0;
    if (!cast::test::inside(frame.body, input)) std::abort();
    cast::test::Exact other(input);
    for (int verb = 1; verb <= static_cast<int>(Verb::error); ++verb) {
        other.data()[2] = static_cast<char>(verb);
        if (!cast::test::frame_is_stable(other.view())) std::abort();
    }
    return 0;
}
