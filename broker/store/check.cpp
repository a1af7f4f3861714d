// Table by table, in one view of the database. One thread.
#include "store/check.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <stdexcept>

#include "store/packing.hpp"
#include "store/tables.hpp"
#include "wire/batch.hpp"
#include "wire/record.hpp"

namespace broker {
namespace {

constexpr std::size_t kMostFaults = 1000;

struct Expected {
    StreamRow row;
    std::string whose;
    std::uint64_t messages = 0;  // found in its chunks, of those that are not passed
    Sequence end = 0;            // of the chunk before
};

class Check {
public:
    explicit Check(const std::string& path) : path_(path), database_(path, SQLITE_OPEN_READWRITE) {}

    Checked run() {
        database_.run("PRAGMA busy_timeout = 5000; BEGIN");
        schema();
        database_.run("PRAGMA query_only = 1");
        table("any", [&] { integrity(); });
        table("streams", [&] { streams(); });
        table("members", [&] { members(); });
        table("sessions", [&] { sessions(); });
        table("nodes",
              [&] { checked_.nodes = static_cast<std::uint64_t>(database_.number("SELECT count(*) FROM nodes")); });
        chunks();
        for (const auto& [id, stream] : streams_)
            if (stream.messages < stream.row.messages)
                fault("chunks", fmt::format("{}: {} of its {} messages are missing", stream.whose,
                                            stream.row.messages - stream.messages, stream.row.messages));
        return std::move(checked_);
    }

private:
    void fault(const char* table, const std::string& text) {
        if (checked_.faults.size() < kMostFaults)
            checked_.faults.push_back(fmt::format("{}: table {}: {}", path_, table, text));
    }

    template <class Work>
    void table(const char* name, Work&& work) {
        try {
            work();
        } catch (const std::exception& error) {
            fault(name, error.what());
        }
    }

    /// Tables that this program does not know are no damage: that passes through.
    void schema() {
        try {
            view_as_current(database_, path_);
        } catch (const SqliteError& error) {
            fault("schema", error.what());
        }
    }

    void integrity() {
        Statement rows(database_, "PRAGMA integrity_check(100)");
        while (rows.step())
            if (rows.bytes(0) != "ok") fault("any", std::string(rows.bytes(0)));
    }

    void streams() {
        for (StreamRow& row : read_all(database_, {}).streams) {
            Expected& e = streams_[row.id];
            const char* kind = row.kind < cast::wire::kPriorities     ? "mailbox of"
                               : row.kind == cast::wire::kGroupStream ? "group"
                               : row.kind == kScheduledStream         ? "scheduled messages"
                               : row.kind == kDeadLetterStream        ? "dead letter"
                                                                      : "broadcast";
            e.whose = fmt::format("stream {} ({} {})", row.id, kind, row.owner);
            if (row.kind >= cast::wire::kPriorities && row.kind != cast::wire::kGroupStream &&
                row.kind != cast::wire::kBroadcastStream && row.kind != kScheduledStream &&
                row.kind != kDeadLetterStream)
                fault("streams", fmt::format("{}: of no kind ({})", e.whose, row.kind));
            for (const auto& [name, value] :
                 {std::pair{"floor", row.floor}, std::pair{"high", row.high}, std::pair{"passed", row.passed}})
                if (value > row.last && row.kind != kDeadLetterStream)  // whose number is in `high`
                    fault("streams",
                          fmt::format("{}: its {} {} lies beyond its end {}", e.whose, name, value, row.last));
            for (const GoneRange& gone : row.gone)
                if (gone.from > gone.to || gone.to > row.last)
                    fault("streams", fmt::format("{}: a gap {} to {}", e.whose, gone.from, gone.to));
            checked_.messages += row.messages;
            e.row = std::move(row);
        }
        checked_.streams = streams_.size();
    }

    void members() {
        Statement rows(database_, "SELECT node, stream, cursor FROM members");
        while (rows.step()) {
            const auto at = streams_.find(rows.number(1));
            const std::string node(rows.bytes(0));
            if (at == streams_.end())
                fault("members", fmt::format("{} is a member of stream {}, which is not there", node, rows.number(1)));
            else if (rows.number(2) > at->second.row.last)
                fault("members", fmt::format("{} has read {} through {}, beyond its end {}", node, at->second.whose,
                                             rows.number(2), at->second.row.last));
        }
    }

    void sessions() {
        Statement rows(database_, "SELECT id, through, outcomes FROM sessions");
        while (rows.step()) {
            SessionRow row;
            unpack_outcomes(rows.bytes(2), row);
            if (pack_outcomes(row) != rows.bytes(2))
                fault("sessions", fmt::format("session {:016x}: its outcomes do not decode", rows.number(0)));
            for (const auto& outcome : row.refused)
                if (outcome.number > rows.number(1))
                    fault("sessions", fmt::format("session {:016x}: an outcome of batch {}, which was not taken",
                                                  rows.number(0), outcome.number));
        }
    }

    /// What cannot be read is named by what came before it; then it goes on with the next stream.
    void chunks() {
        std::uint64_t stream = 0, first = 0;
        for (bool more = true; more;) {
            more = false;
            try {
                Statement rows(database_,
                               "SELECT stream, first, last, messages, bytes, batches, sum FROM chunks WHERE stream > ? "
                               "ORDER BY stream, first");
                rows.bind(stream);
                while (rows.step()) {
                    stream = rows.number(0);
                    first = rows.number(1);
                    chunk(rows);
                }
            } catch (const SqliteError& error) {
                fault("chunks", fmt::format("after stream {}, message {}: {}", stream, first, error.what()));
                more = error.corrupt() && checked_.faults.size() < kMostFaults && ++stream < UINT64_MAX / 2;
                first = 0;
            }
        }
    }

    void chunk(Statement& rows) {
        ++checked_.chunks;
        const Sequence first = rows.number(1), last = rows.number(2);
        const auto at = streams_.find(rows.number(0));
        if (at == streams_.end())
            return fault("chunks", fmt::format("stream {}, messages {} to {}: of a stream that is not there",
                                               rows.number(0), first, last));
        Expected& stream = at->second;
        const auto wrong = [&](const std::string& text) {
            fault("chunks", fmt::format("{}, messages {} to {}: {}", stream.whose, first, last, text));
        };
        if (first > last || first <= stream.end) wrong("overlaps what is before it");
        if (last > stream.row.last) wrong(fmt::format("lies beyond the stream's end {}", stream.row.last));
        stream.end = last;
        const std::string_view blob = rows.bytes(5);
        if (!rows.null(6) && rows.number(6) != sum_of(blob)) return wrong("is not what was written");
        batches(blob, rows, stream, wrong);
    }

    template <class Wrong>
    void batches(std::string_view blob, Statement& rows, Expected& stream, Wrong& wrong) {
        Sequence next = rows.number(1);
        std::uint64_t messages = 0, bytes = 0;
        bool sound = true;
        const bool whole = cast::wire::for_each_batch(blob, [&](const cast::wire::BatchView& batch) {
            sound = sound && batch.header.stream == stream.row.id && batch.header.sequence >= next &&
                    batch.header.count > 0;
            next = batch.last_sequence() + 1;
            messages += batch.header.count;
            bytes += batch.bytes.size() + cast::wire::kFrameHeader;
            if (batch.last_sequence() > stream.row.passed) stream.messages += batch.header.count;
            cast::wire::Reader records(batch.records);
            for (std::uint32_t i = 0; i < batch.header.count && sound; ++i)
                sound = cast::wire::read_record(records).has_value();
        });
        if (!whole || !sound) return wrong("its batches do not decode");
        if (next != rows.number(2) + 1 || messages != rows.number(3) || bytes != rows.number(4))
            wrong("does not hold what it says");
    }

    std::string path_;
    Database database_;
    Checked checked_;
    std::map<StreamId, Expected> streams_;
};

}  // namespace

Checked check_data(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) throw std::runtime_error("there is no store at " + path);
    if (std::filesystem::file_size(path, error) == 0) return {{path + ": is empty"}};
    try {
        return Check(path).run();
    } catch (const SqliteError& e) {
        return {{path + ": " + e.what()}};
    }
}

}  // namespace broker
