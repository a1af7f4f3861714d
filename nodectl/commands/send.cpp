// nodectl send: one message, or many from stdin, by unicast, multicast or broadcast. Exits 0 only once the broker
// holds every one of them. stdin is read only when asked for. Main thread.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>

#include "nodectl/commands/commands.hpp"
#include "nodectl/commands/send_file.hpp"
#include "nodectl/context.hpp"
#include "nodectl/input/json_lines.hpp"
#include "nodectl/input/names.hpp"
#include "nodectl/input/records.hpp"
#include "nodectl/interrupt.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"
#include "nodectl/sender.hpp"

namespace nodectl {
namespace {

struct SendOptions {
    Envelope envelope;
    std::string from;
    std::string message;
    bool has_message = false, lines = false, nul = false, whole = false, jsonl = false;
    std::string file;
    std::vector<std::string> headers;  // KEY=VALUE
    std::string wait = "receipt";
};

int check(SendOptions& options) {
    Envelope& envelope = options.envelope;
    const int targets = !envelope.nodes.empty() + !envelope.group.empty() + envelope.broadcast;
    if (targets > 1) return usage("send", "--unicast, --multicast and --broadcast exclude each other");
    if (targets == 0 && !options.jsonl) {
        return usage("send", "no target; give --unicast NODE, --multicast GROUP or --broadcast");
    }
    const std::pair<bool, const char*> sources[] = {{options.has_message, "MESSAGE"},
                                                    {options.lines, "-l"},
                                                    {options.nul, "-0"},
                                                    {options.whole, "-s"},
                                                    {options.jsonl, "--jsonl"},
                                                    {!options.file.empty(), "--file"}};
    std::vector<std::string> given;
    for (const auto& [is_given, name] : sources) {
        if (is_given) given.emplace_back(name);
    }
    if (given.size() != 1) {
        const std::string got = given.empty() ? "nothing" : fmt::format("{}", fmt::join(given, " and "));
        return usage("send", fmt::format("exactly one source of messages is needed: MESSAGE, -l (lines of stdin), "
                                         "-0, -s, --jsonl or --file; got {}",
                                         got));
    }
    for (const auto& header : options.headers) {
        const auto equals = header.find('=');
        if (equals == std::string::npos || equals == 0) {
            return usage("send", fmt::format("--header '{}' is not KEY=VALUE", header));
        }
        envelope.headers.emplace_back(header.substr(0, equals), header.substr(equals + 1));
    }
    if (envelope.delay && envelope.at) return usage("send", "--delay and --at exclude each other");
    const bool in_chunks = !options.file.empty() && (envelope.type == "text" || envelope.type == "file");
    if (in_chunks && (envelope.delay || envelope.at)) {
        return usage(
            "send",
            "a file goes in chunks while its receivers save it; with --at or --delay give it a --type of its own");
    }
    if (options.wait == "delivered" && (envelope.broadcast || !envelope.group.empty())) {
        return usage("send", "--wait delivered is for --unicast; a group or broadcast has no single receiver");
    }
    return 0;
}

int too_long(const Sender& sender, std::string_view what) {
    warn(fmt::format("{} is too_large: the broker takes at most {} bytes a message ({})", what, sender.max_message(),
                     cast::error_hint(cast::ErrorCode::too_large)));
    return cast::exit_code(cast::ErrorCode::too_large);
}

// Sends one line of --jsonl; 0 or an exit code.
int send_json(Sender& sender, const SendOptions& options, std::string_view line, std::size_t number) {
    Envelope envelope = options.envelope;
    std::string payload;
    if (const auto problem = parse_json_line(line, envelope, payload)) {
        warn(fmt::format("line {}: {}; nothing from here on was sent", number, *problem));
        return kFailed;
    }
    return sender.send(envelope, payload) ? 0 : sender.code();
}

int send_records(Sender& sender, const SendOptions& options) {
    const auto separator = options.whole ? std::nullopt : std::optional(options.nul ? '\0' : '\n');
    const std::size_t limit = sender.max_message();
    RecordReader reader(0, separator, options.jsonl ? 6 * limit : limit);  // JSON may write \u0000 for a byte
    catch_interrupts();
    std::string_view record;
    while (interrupted() == 0) {
        switch (reader.next(record)) {
            case RecordReader::Next::record: break;
            case RecordReader::Next::end: return 0;
            case RecordReader::Next::interrupted: continue;
            case RecordReader::Next::too_long:
                return too_long(sender, options.whole ? "stdin" : fmt::format("record {} of stdin", reader.number()));
            case RecordReader::Next::failed:
                warn(fmt::format("cannot read stdin: {}", std::strerror(errno)));
                return kFailed;
        }
        if (options.jsonl) {
            if (const int code = send_json(sender, options, record, reader.number()); code != 0) return code;
        } else if (!sender.send(options.envelope, record)) {
            return sender.code();
        }
    }
    return 128 + interrupted();
}

// A file of a type of the user's own is one message of that type.
int send_content(Sender& sender, const SendOptions& options) {
    const int fd = ::open(options.file.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about {};
    if (fd < 0 || ::fstat(fd, &about) != 0 || S_ISDIR(about.st_mode)) {
        const int error = fd < 0 ? errno : EISDIR;
        if (fd >= 0) ::close(fd);
        warn(fmt::format("cannot read '{}': {}", options.file, std::strerror(error)));
        return kFailed;
    }
    RecordReader reader(fd, std::nullopt, sender.max_message());
    std::string_view content;
    const auto got = reader.next(content);
    const int error = errno;
    ::close(fd);
    if (got == RecordReader::Next::too_long) {
        const auto size = counted(static_cast<std::uint64_t>(about.st_size), "byte");
        return too_long(sender, fmt::format("'{}' ({})", options.file, size));
    }
    if (got != RecordReader::Next::record) {
        warn(fmt::format("cannot read '{}': {}", options.file, std::strerror(error)));
        return kFailed;
    }
    Envelope envelope = options.envelope;
    envelope.headers.emplace_back("name", options.file.substr(options.file.rfind('/') + 1));
    envelope.headers.emplace_back("size", std::to_string(content.size()));
    return sender.send(envelope, content) ? 0 : sender.code();
}

int send(const Context& context, SendOptions& options) {
    if (const int code = check(options); code != 0) return code;
    const auto wait = options.wait == "none"        ? cast::Wait::none
                      : options.wait == "delivered" ? cast::Wait::delivered
                                                    : cast::Wait::receipt;
    Sender sender(context, wait);
    if (const int code = sender.open(options.from.empty() ? context.node : options.from); code != 0) return code;
    int code = 0;
    if (options.has_message)
        code = sender.send(options.envelope, options.message) ? 0 : sender.code();
    else if (options.file.empty())
        code = send_records(sender, options);
    else if (options.envelope.type == "text" || options.envelope.type == "file")
        return send_file(sender, options.envelope, options.file);
    else
        code = send_content(sender, options);
    return sender.finish(code);
}

void add_target(CLI::App& send, Envelope& envelope) {
    send.add_option("--unicast", envelope.nodes, "To these nodes; comma separated, or repeated")
        ->type_name("NODE[,NODE...]")
        ->delimiter(',')
        ->transform(trimmed_name)
        ->check(name_trouble)
        ->allow_extra_args(false);
    send.add_option("--multicast", envelope.group, "To the members of this group")
        ->type_name("GROUP")
        ->check(name_trouble);
    send.add_flag("--broadcast", envelope.broadcast, "To every node");
}

void add_details(CLI::App& send, SendOptions& options) {
    Envelope& envelope = options.envelope;
    send.add_option("--from", options.from, "Send as this node; it need not exist ($CAST_NODE, default nodectl)")
        ->type_name("NODE")
        ->check(name_trouble);
    send.add_option("--type", envelope.type, "text, json, binary, file or a media type such as image/png")
        ->type_name("T")
        ->capture_default_str();
    send.add_option("--header", options.headers, "Add a header; may be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    send.add_option("--priority", envelope.priority, "0 (last) to 9 (first); default 4")
        ->type_name("N")
        ->check(CLI::Range(0, 9));
    add_duration(send, "--ttl", envelope.ttl, "Let it expire when nobody has received it for so long");
    add_duration(send, "--delay", envelope.delay, "Let it wait at the broker for so long before it goes");
    add_time(send, "--at", envelope.at,
             "Let it wait at the broker until then: 14:30, 2030-01-31T14:30 (with Z: UTC), or seconds since 1970; "
             "--ttl counts from there");
    send.add_option("--id", envelope.id, "An id of your own; the header \"id\"");
    send.add_flag("--echo", envelope.echo, "Group and broadcast: to the sender's own node, too");
    send.add_option(
            "--wait", options.wait,
            "receipt: until the broker has it (default); delivered: until its receiver has acknowledged or refused it; "
            "none: do not wait")
        ->type_name("FOR")
        ->check(CLI::IsMember({"receipt", "delivered", "none"}));
}

}  // namespace

void add_send(CLI::App& app, Context& context) {
    auto* send_app = add_command(app, "send", "Send messages by unicast, multicast or broadcast");
    auto options = std::make_shared<SendOptions>();
    add_target(*send_app, options->envelope);
    auto* message = send_app->add_option("MESSAGE", options->message, "The payload; after -- if it begins with '-'");
    send_app->add_flag("-l", options->lines, "Each line of stdin is a message; empty ones, too");
    send_app->add_flag("-0", options->nul, "As -l, but separated by NUL");
    send_app->add_flag("-s", options->whole, "The whole stdin is one message");
    send_app->add_flag("--jsonl", options->jsonl, "Each line of stdin is a message as a JSON object");
    send_app
        ->add_option("--file", options->file, "Send this file, of any size; receivers save it with recv --save-files")
        ->type_name("PATH");
    add_details(*send_app, *options);
    send_app->footer(
        "\nWaits at most --timeout (default 30s) for room at the receiver and for receipts.\n"
        "A file goes in chunks with a SHA-256, no faster than its receivers save it; exit 0 means that the broker has "
        "all\n"
        "of it, and that every receiver that answers has saved it (with --wait delivered: every named one). --timeout "
        "is\n"
        "how long nothing may move. Sent again after an interruption, it goes on where it was; a pipe cannot. With\n"
        "another --type than text or file the content is one message.\n" +
        kJsonLinesHelp +
        "\nExamples:\n"
        "  nodectl send --unicast bob 'lunch?'\n"
        "  nodectl send --unicast bob,charlie --priority 9 --ttl 30s 'fire drill'\n"
        "  nodectl send --multicast team --from alice -- '-5 degrees'\n"
        "  tail -f app.log | nodectl send -l --unicast collector\n"
        "  find . -print0 | nodectl send -0 --unicast indexer\n"
        "  nodectl recv a --json -W 1 | nodectl send --jsonl --unicast b\n"
        "  nodectl send --multicast team --file backup.tar.gz\n"
        "  nodectl send --unicast bob --at 17:30 'time to go home'    (nodectl later list, nodectl later cancel)\n"
        "  nodectl send --multicast team --delay 10m 'still there?'\n"
        "  nodectl send --unicast bob --wait delivered --timeout 5s 'did you read this?'\n" +
        kGlobalHelp);
    send_app->callback([&context, options, message] {
        options->has_message = message->count() > 0;
        context.run = [&context, options] { return send(context, *options); };
    });
}

}  // namespace nodectl
