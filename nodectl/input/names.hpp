// Names on the command line. They are looked at before anything is done, so that a command for several names does not
// stop half-way at one that cannot be a name. Pure, but for tell_partly, which writes to stderr.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace nodectl {

/// What is wrong with the name of a node or group, as a CLI11 check says it; "" if nothing is. The broker's own names
/// ("$reply.1f") are names, too: what may be done with them is the broker's to say.
std::string name_trouble(const std::string& text);

/// Without the spaces around it: for names in a list with commas.
std::string trimmed_name(const std::string& text);

/// "created 2 of 3 nodes", on stderr: for a command that has failed at one of several names (not for one of one).
void tell_partly(std::string_view done, std::size_t count, std::size_t all, std::string_view noun);

}  // namespace nodectl
