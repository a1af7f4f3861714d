// The examples of libcast/PROTOCOL.md, built by the wire code: one for a record, a header map, a batch and each verb.
// The tests compare them with the page's bytes, and take them as the material that they truncate and corrupt.
#pragma once
#include <string>
#include <vector>

namespace cast::test {

struct Example {
    std::string name;  ///< as on the page: "record", "record-named", "headers", "batch", "batch-stamped", or a verb
    std::string bytes;
};

/// All examples, in the page's order.
std::vector<Example> wire_examples();
/// Those that are frames.
std::vector<Example> frame_examples();
/// The bytes of one; empty when there is none of this name.
std::string wire_example(const std::string& name);

}  // namespace cast::test
