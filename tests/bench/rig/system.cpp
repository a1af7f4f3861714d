// The table of systems, and what a system does that has nothing of its own to say.
#include "system.hpp"

#include "process.hpp"
#include "systems.hpp"

namespace rig {
namespace {

struct Row {
    const char* name;
    std::unique_ptr<System> (*make)(const Setup&);
};

constexpr Row kSystems[] = {
    {"cast", make_cast},   {"cast-disk", make_cast_disk}, {"tcp", make_tcp}, {"zmq", make_zmq}, {"disk", make_disk},
#ifdef RIG_NATS
    {"nats", make_nats},   {"jetstream", make_jetstream},
#endif
#ifdef RIG_REDIS
    {"redis", make_redis},
#endif
#ifdef RIG_MOSQUITTO
    {"mosq0", make_mosq0}, {"mosq1", make_mosq1},
#endif
};

}  // namespace

void Endpoint::multicast(const std::string&, std::string_view) { fail("this system has no multicast here"); }

bool System::store(const std::vector<std::string>&) { return false; }

std::string System::objection(const std::string& mode) const {
    if (mode == "pingpong-receive") return "has one way to receive";
    return {};
}

std::unique_ptr<System> make_system(const std::string& name, const Setup& setup) {
    for (const Row& row : kSystems)
        if (name == row.name) return row.make(setup);
    return nullptr;
}

std::string system_names() {
    std::string names;
    for (const Row& row : kSystems) names += (names.empty() ? "" : " ") + std::string(row.name);
    return names;
}

}  // namespace rig
