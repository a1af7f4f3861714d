// Processes of a run: clients and servers are children that die with the rig, whatever happens; and what they need to
// start: free ports, ends that answer. The main process' only thread.
#pragma once
#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace rig {

/// Says why on stderr and ends this process with code 1; the run fails with it.
[[noreturn]] void fail(std::string_view why);

/// A child that does this and exits with 0.
pid_t start(const std::function<void()>& work);
/// A child that is this program; silent, unless RIG_LOUD is set.
pid_t start_program(std::vector<std::string> command);

/// A child that is this program, once it has printed a line.
pid_t start_ready(std::vector<std::string> command);

/// Waits until all of these have exited with 0. Any child that fails meanwhile, the server too, fails the run.
void await(const std::vector<pid_t>& children);
/// Waits until this is so, looking every millisecond. Any child that fails meanwhile fails the run.
void wait_until(const std::function<bool()>& condition);
/// Kills and reaps it.
void end(pid_t child);

/// A TCP port of the loopback interface that nobody listens on.
int free_port();
std::string loopback(int port);  ///< tcp://127.0.0.1:PORT
/// Returns when somebody listens there; fails the run after 10 s.
void await_port(int port);
void await_path(const std::string& path);

void pause_ms(int milliseconds);
/// As many descriptors as this process may have.
void raise_descriptor_limit();

/// Runs `work` as a child under a limit of time, in a folder that is removed afterwards with every process that is
/// left. Answers the exit code: 124 when the time was up, 128 + n when a signal ended it.
int run_kept(int limit_s, const std::function<int(const std::string& folder)>& work);

}  // namespace rig
