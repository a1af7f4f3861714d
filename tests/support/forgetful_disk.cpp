// What is left after a loss of power, of what forgetful_disk.c wrote down.
#include "support/forgetful_disk.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSector = 512;

void write_file(const std::string& path, const std::string& content) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    if (!out.write(content.data(), static_cast<std::streamsize>(content.size())).flush())
        fail_test("cannot write " + path);
}

void put(std::string& file, std::size_t at, const std::string& bytes) {
    if (file.size() < at + bytes.size()) file.resize(at + bytes.size());
    file.replace(at, bytes.size(), bytes);
}

/// What the disk was told and has not synced. See forgetful_disk.c.
struct Change {
    std::size_t at;
    bool cut;  ///< the file to `at` bytes
    std::string bytes;
};
constexpr std::size_t kHead = 16;

std::vector<Change> changes_of(const std::string& unsynced) {
    std::vector<Change> changes;
    for (std::size_t from = 0; from + kHead <= unsynced.size();) {
        std::int64_t at = 0, size = 0;
        std::memcpy(&at, &unsynced[from], 8);
        std::memcpy(&size, &unsynced[from + 8], 8);
        from += kHead;
        const std::size_t length = size < 0 ? 0 : static_cast<std::size_t>(size);
        if (from + length > unsynced.size()) break;  // the broker ended in the middle of it
        changes.push_back({static_cast<std::size_t>(at), size < 0, unsynced.substr(from, length)});
        from += length;
    }
    return changes;
}

}  // namespace

std::vector<std::string> ForgetfulDisk::flags() const {
    std::vector<std::string> all = preloading("forgetful_disk.so");
    all.insert(all.end(), {"FORGETFUL_DISK=/data/", "FORGETFUL_DISK_IMAGE=" + (image_ / "")});
    return all;
}

std::string ForgetfulDisk::after(const std::string& name, std::mt19937& random) {
    std::string file = read_file(image_ / name);
    const unsigned mood = random() % 4;  // all lost, all kept, or each for itself
    for (const Change& change : changes_of(read_file(unsynced(name)))) {
        ++changes_;
        const unsigned fate = mood == 0 ? 0 : mood == 1 ? 1 : random() % 3;  // lost, kept, torn
        spoiled_ += fate == 1 ? 0 : 1;
        if (fate == 0) continue;
        if (change.cut) {
            file.resize(change.at);
            continue;
        }
        for (std::size_t from = 0; from < change.bytes.size();) {
            const std::size_t place = change.at + from;
            const std::size_t sector = std::min(kSector - place % kSector, change.bytes.size() - from);
            if (fate == 1 || random() % 2 == 0) put(file, place, change.bytes.substr(from, sector));
            from += sector;
        }
    }
    return file;
}

void ForgetfulDisk::kill(BrokerProcess& broker) {
    broker.kill();
    for (const auto& entry : fs::directory_iterator(image_ / "")) {
        if (entry.path().extension() != ".unsynced") continue;
        std::size_t whole = 0;  // it may have ended in the middle of a record
        for (const Change& change : changes_of(read_file(entry.path()))) whole += kHead + change.bytes.size();
        fs::resize_file(entry.path(), whole);
    }
}

void ForgetfulDisk::lose_power(BrokerProcess& broker, std::mt19937& random) {
    kill(broker);
    const std::string data = broker.path("data");
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(data)) names.push_back(entry.path().filename());
    for (const std::string& name : names) {
        if (!fs::exists(image_ / (name + ".named"))) {
            fs::remove(data + "/" + name);
            continue;
        }
        const std::string left = after(name, random);
        write_file(data + "/" + name, left);
        write_file(image_ / name, left);
        write_file(unsynced(name), "");
    }
}

bool ForgetfulDisk::synced(const std::string& folder) const {
    std::istringstream lines(read_file(image_ / "folders"));
    for (std::string line; std::getline(lines, line);)
        if (line == folder) return true;
    return false;
}

}  // namespace cast::test
