// nodectl reply: answers each request to a node with what a shell command prints. Main thread.
#include <fmt/format.h>

#include <cast/node.hpp>

#include <CLI/CLI.hpp>

#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/input/names.hpp"
#include "nodectl/interrupt.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"
#include "nodectl/shell.hpp"

namespace nodectl {
namespace {

struct ReplyOptions {
    std::string node;
    std::string command;
    std::string type = "text";
    std::uint64_t count = 0;
    bool take_over = false;
};

// The answer goes out before the request is acknowledged: who is stopped in between answers again. False: whoever asked
// gets no answer, or one that says why there is none.
bool answer(cast::Node& node, const Context& context, const ReplyOptions& options, const cast::Message& request) {
    const ShellResult result = run_shell(options.command, request, request.payload(), true);
    const std::size_t most = node.connection().max_message();
    const bool fits = most == 0 || result.output.size() <= most;
    auto message = cast::Message::unicast("", fits ? std::string_view(result.output) : std::string_view());
    message.type(options.type);
    if (!fits) {
        const std::string why =
            fmt::format("too_large: the answer has {} bytes, the broker takes at most {}", result.output.size(), most);
        message.header("error", why);
        warn(fmt::format("'{}' gets no answer: {}", request.sender(), why));
    }
    if (result.status != 0) {
        message.header("exit-status", std::to_string(result.status));
        warn(fmt::format("the command failed with status {} for a request of '{}'", result.status, request.sender()));
    }
    auto sent = node.reply(request, std::move(message));
    if (sent) sent = node.flush(context.timeout_or(kDefaultTimeout));
    // Whoever asked may be gone by now; that is no reason to stop answering others.
    if (!sent) warn(fmt::format("the answer to '{}' was not taken: {}", request.sender(), sent.error().text()));
    node.ack();
    return fits && sent;
}

int serve(cast::Node& node, const Context& context, const ReplyOptions& options) {
    std::uint64_t answered = 0;
    bool all = true;
    while (interrupted() == 0) {
        const auto request = node.receive(Milliseconds(200));
        if (!request && request.code() == cast::ErrorCode::timed_out) continue;
        if (!request) return fail(context, fmt::format("stopped answering as '{}'", options.node), request.error());
        if (!request->header("reply-to")) {
            warn(fmt::format("left out a message of '{}' that is no request", request->sender()));
            node.ack();
            continue;
        }
        all = answer(node, context, options, *request) && all;
        if (++answered == options.count) return all ? 0 : kFailed;
    }
    return options.count != 0 ? 128 + interrupted() : 0;
}

int reply(const Context& context, const ReplyOptions& options) {
    auto with = context.options();
    with.take_over = options.take_over;
    with.manual_ack = true;
    with.on_refused = [](const cast::Refusal& refusal) {
        warn(fmt::format("an answer was refused: {}: {}", cast::error_name(refusal.code),
                         cast::error_hint(refusal.code)));
    };
    auto node = cast::Node::attach(options.node, with);
    if (!node) return fail(context, fmt::format("cannot receive as '{}'", options.node), node.error());
    catch_interrupts();
    return serve(*node, context, options);
}

}  // namespace

void add_reply(CLI::App& app, Context& context) {
    auto* app_reply = add_command(app, "reply", "Answer requests to a node with a command");
    auto options = std::make_shared<ReplyOptions>();
    app_reply->add_option("NODE", options->node, "Answer as this node; made until reply ends if it does not exist")
        ->required()
        ->check(name_trouble);
    app_reply->add_option("--exec", options->command, "The command whose stdout is the answer")
        ->type_name("CMD")
        ->required();
    app_reply->add_option("--type", options->type, "Type of the answers")->capture_default_str();
    app_reply->add_option("-n", options->count, "Stop after so many answers")->type_name("COUNT")->check(count_trouble);
    app_reply->add_flag("--take-over", options->take_over, "Take the node from the program that receives as it");
    app_reply->footer("\n" + kShellHelp +
                      "If CMD fails, its output is answered with the header exit-status, and 'request' exits 1.\n"
                      "An answer that the broker would not take (too_large) is an empty one with the header error.\n"
                      "\nExamples:\n"
                      "  nodectl reply calculator --exec bc\n"
                      "  nodectl reply weather --exec 'curl -s \"wttr.in/$(cat)?format=3\"'\n" +
                      kGlobalHelp);
    app_reply->callback(
        [&context, options] { context.run = [&context, options] { return reply(context, *options); }; });
}

}  // namespace nodectl
