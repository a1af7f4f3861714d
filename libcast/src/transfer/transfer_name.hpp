// Names of received files beyond clean_file_name(): numbers for those that are taken. Pure; any thread.
#pragma once
#include <string>

namespace cast::detail {

/// "report.pdf", 1 -> "report-1.pdf"; 0 -> "report.pdf". A second ending ".tar" stays with the last.
std::string numbered_name(const std::string& name, unsigned number);

}  // namespace cast::detail
