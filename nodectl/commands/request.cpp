// nodectl request: asks a node and prints its answer. Main thread.
#include <fmt/format.h>

#include <cast/node.hpp>

#include <CLI/CLI.hpp>

#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/input/names.hpp"
#include "nodectl/input/records.hpp"
#include "nodectl/output/message_format.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"
#include "nodectl/sender.hpp"

namespace nodectl {
namespace {

struct RequestOptions {
    std::string node;
    std::string message;
    bool has_message = false, whole = false, attached = false, bare = false;
    std::string from;
    std::string type = "text";
};

int print_answer(const Context& context, const RequestOptions& options, const cast::Message& answer) {
    Output out;
    if (const auto error = answer.header("error"); error && answer.payload().empty()) {
        warn(fmt::format("'{}' has an answer that cannot be sent: {}", options.node, printable(*error)));
        return kFailed;
    }
    if (context.json) {
        MessageFormat::json().append(out.buffer(), answer);
    } else {
        if (out.terminal())
            append_printable(out.buffer(), answer.payload(), true);
        else
            out.buffer() = answer.payload();
        const bool ended = !out.buffer().empty() && out.buffer().back() == '\n';
        if (!ended && !options.bare) out.buffer() += '\n';
    }
    const std::string status(answer.header("exit-status").value_or("0"));
    if (status != "0") {
        warn(fmt::format("'{}' answered, but its command failed with status {}", options.node, printable(status)));
        return out.finish(kFailed);
    }
    return out.finish();
}

int request(const Context& context, const RequestOptions& options) {
    if (options.has_message == options.whole) {
        return usage("request", "give either a MESSAGE or -s (the whole stdin)");
    }
    auto with = context.options();
    with.send_only = true;
    const std::string from = options.from.empty() ? context.node : options.from;
    auto node = cast::Node::attach(from, with);
    if (!node) return fail(context, fmt::format("cannot send as '{}'", from), node.error());
    std::string_view payload = options.message;
    RecordReader reader(0, std::nullopt, std::max<std::size_t>(node->connection().max_message(), 1));
    if (options.whole && reader.next(payload) != RecordReader::Next::record) {
        return fail("cannot send stdin", cast::Error{cast::ErrorCode::too_large, "or it cannot be read"});
    }
    auto message = cast::Message::unicast(options.node, payload);
    message.type(options.type).attached_only(options.attached);
    const auto answer = node->request(message, context.timeout_or(kDefaultTimeout));
    if (!answer) return fail(context, fmt::format("no answer from '{}'", options.node), answer.error());
    return print_answer(context, options, *answer);
}

}  // namespace

void add_request(CLI::App& app, Context& context) {
    auto* app_request = add_command(app, "request", "Ask a node and print its answer");
    auto options = std::make_shared<RequestOptions>();
    app_request->add_option("NODE", options->node, "Whom to ask")->required()->check(name_trouble);
    auto* message = app_request->add_option("MESSAGE", options->message, "What to ask; after -- if it begins with '-'");
    app_request->add_flag("-s", options->whole, "Ask with the whole stdin");
    app_request->add_flag("-N", options->bare, "Add no newline to an answer that has none");
    app_request->add_flag("--attached", options->attached, "Fail at once when nobody receives as NODE (default: wait)");
    app_request->add_option("--from", options->from, "Ask as this node ($CAST_NODE, default nodectl)")
        ->type_name("NODE")
        ->check(name_trouble);
    app_request->add_option("--type", options->type, "text, json, binary or a media type")->capture_default_str();
    app_request->footer(
        "\nWaits at most --timeout (default 5s) for the answer; exits 7 if none comes, 5 if there is\n"
        "no such node, 1 if the command of 'nodectl reply' failed or its answer is too large.\n"
        "\nExamples:\n"
        "  nodectl request calculator '2+3'\n"
        "  nodectl request db -s --timeout 30s < query.sql\n" +
        kGlobalHelp);
    app_request->callback([&context, options, message] {
        options->has_message = message->count() > 0;
        context.run = [&context, options] { return request(context, *options); };
    });
}

}  // namespace nodectl
