// Where a command is made.
#include "nodectl/commands/commands.hpp"

#include <CLI/CLI.hpp>

namespace nodectl {

CLI::App* add_command(CLI::App& above, const std::string& name, const std::string& about) {
    return above.add_subcommand(name, about);
}

}  // namespace nodectl
