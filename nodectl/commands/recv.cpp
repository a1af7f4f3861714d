// nodectl recv: prints what a node receives, or hands it to a command. A message is acknowledged only once its output
// is with whoever reads it, so what a crash or a broken pipe loses comes again. Main thread.
#include <fmt/format.h>

#include <cast/node.hpp>

#include <CLI/CLI.hpp>
#include <chrono>

#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/input/names.hpp"
#include "nodectl/interrupt.hpp"
#include "nodectl/output/handover.hpp"
#include "nodectl/output/message_format.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/save_files.hpp"
#include "nodectl/output/text.hpp"
#include "nodectl/shell.hpp"

namespace nodectl {
namespace {

using Clock = std::chrono::steady_clock;

struct RecvOptions {
    std::string node;
    std::uint64_t count = 0;
    std::optional<Milliseconds> silence;
    std::string format;
    bool raw = false, bare = false, nul = false, take_over = false;
    std::vector<std::string> groups;
    std::string command;
    bool nack = false;
    std::string folder;
};

class Receiver {
public:
    Receiver(cast::Node& node, const RecvOptions& options, MessageFormat format, FileSaver* files)
        : node_(node), options_(options), format_(std::move(format)), files_(files) {}

    /// Until the count, the silence, a signal, an error or the end of our reader; returns the exit code.
    int run() {
        const int code = loop();
        const bool failed = nacked_ || (files_ != nullptr && files_->any_failed());
        return code == 0 && failed ? kFailed : code;
    }

private:
    int loop() {
        for (;;) {
            if (interrupted() != 0) return end(signal_code());
            // Ask without waiting while output is pending: it is written when nothing more comes at once.
            const auto message = node_.receive(pending_ ? Milliseconds(0) : handover_.until_next_check(slice()));
            if (message) {
                quiet_ = false;
                if (!(files_ == nullptr ? take(*message, message->payload()) : take_file(*message))) return code_;
                if (options_.count != 0 && seen_ == options_.count) return end(0);
            } else if (message.code() != cast::ErrorCode::timed_out) {
                if (pending_) write();
                return fail(fmt::format("stopped receiving as '{}'", options_.node), message.error());
            } else if (!idle()) {
                return code_;
            }
        }
    }

    Milliseconds slice() const {
        return slice_of(options_.silence, quiet_ ? Clock::now() - since_ : Clock::duration(0));
    }

    // A saved file is printed as its path.
    bool take_file(const cast::Message& message) {
        const auto taken = files_->take(message);
        if (taken == FileSaver::Taken::other) return take(message, message.payload());
        if (taken == FileSaver::Taken::saved) return take(message, files_->path());
        if (taken == FileSaver::Taken::failed) ++seen_;
        // Its sender waits for room: it is acknowledged at once, after what was to be printed before it.
        if (options_.command.empty())
            handover_.add();
        else
            node_.ack();
        if (pending_) return write();
        handover_.settle();
        return true;
    }

    bool take(const cast::Message& message, std::string_view payload) {
        ++seen_;
        if (!options_.command.empty()) return execute(message, payload);
        format_.append(out_.buffer(), message, payload);
        handover_.add();
        pending_ = true;
        return !out_.full() || write();
    }

    bool execute(const cast::Message& message, std::string_view payload) {
        const int status = run_shell(options_.command, message, payload, false).status;
        if (status == 0) {
            node_.ack();
            return true;
        }
        if (interrupted() == 0 && options_.nack) return refuse(message, status);
        code_ = interrupted() != 0 ? 128 + interrupted() : kFailed;
        if (interrupted() == 0) {
            warn(
                fmt::format("the command failed with status {}; its message from '{}' stays unacknowledged and comes "
                            "again to the next recv",
                            status, message.sender()));
        }
        return false;
    }

    bool refuse(const cast::Message& message, int status) {
        nacked_ = true;
        warn(fmt::format("the command failed with status {}: its message from '{}' goes to the dead letters", status,
                         message.sender()));
        const auto dead = node_.nack(message, fmt::format("exit status {}", status));
        if (dead) return true;
        code_ = fail("cannot refuse a message; it comes again to the next recv", dead.error());
        return false;
    }

    bool write() {
        if (!handover_.write()) {
            code_ = out_.failed() ? kFailed : out_.reader_gone() ? 0 : signal_code();
            return false;
        }
        pending_ = false;
        return true;
    }

    // Nothing came. False: stop, with code_.
    bool idle() {
        if (pending_ && !write()) return false;
        const bool gone = out_.reader_gone();
        handover_.settle();
        if (gone) return false;
        if (!std::exchange(quiet_, true)) since_ = Clock::now();
        if (!options_.silence || Clock::now() - since_ < *options_.silence) return true;
        code_ = seen_ > 0 && options_.count == 0 ? 0 : kTimedOut;
        if (connection_lost()) {
            code_ = cast::exit_code(cast::ErrorCode::unreachable);
            warn(fmt::format("unreachable: the connection to the broker is lost; what waits for '{}' is not known",
                             options_.node));
        } else if (code_ != 0) {
            const std::string what =
                options_.count == 0 ? "no message" : fmt::format("{} of {} messages", seen_, options_.count);
            warn(fmt::format("timed_out: {} came for '{}'; a longer -W waits longer", what, options_.node));
        }
        code_ = end(code_);
        return false;
    }

    int signal_code() const { return options_.count != 0 ? 128 + interrupted() : 0; }

    // Prints the rest and waits until it is taken.
    int end(int code) {
        if (pending_ && !write()) return code_;
        const std::size_t left = handover_.wait_until_taken();
        if (left == 0 || out_.reader_gone()) return code;
        warn(fmt::format("timed_out: the reader of the output has not taken {}, which the next recv gets again",
                         counted(left, "message")));
        return code != 0 ? code : interrupted() != 0 ? signal_code() : kTimedOut;
    }

    cast::Node& node_;
    const RecvOptions& options_;
    MessageFormat format_;
    FileSaver* files_;  // null: files are printed like any message
    Output out_;
    Handover handover_{node_, out_};
    std::uint64_t seen_ = 0;
    bool pending_ = false;  // formatted, not yet written
    bool quiet_ = true;
    bool nacked_ = false;
    Clock::time_point since_ = Clock::now();  // when it became quiet
    int code_ = 0;
};

int choose_format(const Context& context, const RecvOptions& options, MessageFormat& format) {
    const int chosen = (options.format.empty() ? 0 : 1) + (options.raw || options.bare || options.nul ? 1 : 0) +
                       (context.json ? 1 : 0) + (options.command.empty() ? 0 : 1);
    if (chosen > 1) return usage("recv", "choose one of --json, --format, --raw (with -N or -0) and --exec");
    if (options.bare && options.nul) {
        return usage("recv", "-N and -0 exclude each other: nothing, or NUL after a message");
    }
    if (context.json) format = MessageFormat::json();
    if (options.raw || options.bare || options.nul) {
        format = MessageFormat::raw(options.bare ? "" : options.nul ? std::string(1, '\0') : "\n");
    }
    if (std::string error;
        !options.format.empty() && !MessageFormat::parse(options.format, Output().terminal(), format, error)) {
        return usage("recv", error + "\n" + MessageFormat::format_help());
    }
    return 0;
}

int receive(const Context& context, const RecvOptions& options) {
    MessageFormat format = MessageFormat::human();
    if (const int code = choose_format(context, options, format); code != 0) return code;
    if (options.nack && options.command.empty()) return usage("recv", "--nack is about the command of --exec");
    if (options.silence && options.silence->count() == 0) {
        return usage("recv", "-W 0 would wait for nothing; give it some time, as in -W 0.5");
    }
    auto with = context.options();
    with.take_over = options.take_over;
    with.manual_ack = true;
    auto node = cast::Node::attach(options.node, with);
    if (!node) {
        const int code = fail(context, fmt::format("cannot receive as '{}'", options.node), node.error());
        if (node.code() == cast::ErrorCode::name_in_use) warn("--take-over takes it from the program that has it");
        return code;
    }
    for (const auto& group : options.groups) {
        const auto joined = node->join(group);
        if (!joined) return fail(context, fmt::format("cannot join group '{}'", group), joined.error());
    }
    FileSaver files;
    if (!options.folder.empty()) {
        if (const int code = files.open(*node, options.folder); code != 0) return code;
    }
    catch_interrupts();
    return Receiver(*node, options, std::move(format), options.folder.empty() ? nullptr : &files).run();
}

std::string help() {
    return "\nPrints 'SENDER: PAYLOAD' lines, 'SENDER (GROUP): ...' of a group, 'SENDER (all): ...' of a broadcast,\n"
           "with what could drive a terminal escaped. Runs until -n, -W, Ctrl-C or SIGTERM (exit 0; with -n unmet\n"
           "128 + signal). A message is acknowledged once its output is written to a file, terminal or socket, or "
           "taken\n"
           "out of a pipe; what was not comes again to the next recv. When the reader of the pipe goes away (| head), "
           "recv\n"
           "ends with 0. At its own end it waits for the reader to take the rest; it exits 7 if nothing is taken for "
           "30s.\n"
           "What a reader does with what it has taken cannot be known: 'head -n 1' takes a block, prints a line of it, "
           "and\n"
           "the rest of that block does not come again. To take one message, use -n 1.\n" +
           MessageFormat::format_help() + kShellHelp +
           "A message is acknowledged when CMD exits 0; otherwise recv stops with 1 and the message comes again. With "
           "--nack it\n"
           "goes to the dead letters instead ('nodectl dead'), and recv exits 1 in the end.\n"
           "With --save-files a file is saved in DIR under its sender's name for it, made harmless, and with a number "
           "if\n"
           "that is taken; it is printed once it is verified and synced, with its path for its payload. A recv that "
           "is\n"
           "interrupted goes on next time. A file that could not be saved is told on stderr, and the exit code is 1.\n"
           "\nExamples:\n"
           "  nodectl recv alice -n 1 -W 10\n"
           "  nodectl recv alice --group news --json | jq -r .payload\n"
           "  nodectl recv alice --format '%a %s %p\\n' >> alice.log\n"
           "  nodectl recv printer --exec 'lp -t \"$CAST_SENDER\"'\n"
           "  nodectl recv inbox --save-files ~/incoming --raw\n" +
           kGlobalHelp;
}

}  // namespace

void add_recv(CLI::App& app, Context& context) {
    auto* recv = add_command(app, "recv", "Receive as a node and print its messages");
    auto options = std::make_shared<RecvOptions>();
    recv->add_option("NODE", options->node, "Receive as this node; made until recv ends if it does not exist")
        ->required()
        ->check(name_trouble);
    recv->add_option("-n", options->count, "Stop after so many messages")->type_name("COUNT")->check(count_trouble);
    add_duration(*recv, "-W", options->silence,
                 "Stop after so long without a message; exits 7 if none came, or fewer than -n asks for");
    recv->add_option("--format", options->format, "Print each message like this; codes below")->type_name("FMT");
    recv->add_flag("--raw", options->raw, "Print the payload's bytes and a newline, nothing else");
    recv->add_flag("-N", options->bare, "As --raw, but no newline");
    recv->add_flag("-0", options->nul, "As --raw, but NUL instead of a newline");
    recv->add_option("--group", options->groups, "Join this group first; may be repeated")
        ->type_name("G")
        ->check(name_trouble)
        ->allow_extra_args(false);
    recv->add_option("--save-files", options->folder, "Save received files in this folder, which is made if need be")
        ->type_name("DIR");
    recv->add_option("--exec", options->command, "Run this shell command for each message")->type_name("CMD");
    recv->add_flag("--nack", options->nack,
                   "With --exec: a message whose command fails goes to the dead letters, and recv goes on");
    recv->add_flag("--take-over", options->take_over, "Take the node from the program that receives as it");
    recv->footer(help());
    recv->callback([&context, options] { context.run = [&context, options] { return receive(context, *options); }; });
}

}  // namespace nodectl
