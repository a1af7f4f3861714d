// getaddrinfo() as the tests' programs see it. See name_server.hpp.
#include "support/name_server.hpp"

#include <dlfcn.h>
#include <netdb.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

namespace {

struct Name {
    std::optional<std::vector<std::string>> numbers;  // none: silent
    int asked = 0;
};

/// Never destroyed: a thread of the library may be asking when the program ends.
struct Book {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, Name> names;
};

Book& book() {
    static auto* all = new Book;
    return *all;
}

using Ask = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

int ask_system(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
    static const auto real = reinterpret_cast<Ask>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(name, service, hints, found);
}

/// The numbers, one behind the other, as freeaddrinfo() can take them apart.
int answer(const std::vector<std::string>& numbers, const char* service, const addrinfo* hints, addrinfo** found) {
    addrinfo** end = found;
    *found = nullptr;
    for (const std::string& number : numbers) {
        addrinfo wanted = hints != nullptr ? *hints : addrinfo{};
        wanted.ai_flags |= AI_NUMERICHOST;
        if (const int error = ask_system(number.c_str(), service, &wanted, end); error != 0) return error;
        while (*end != nullptr) end = &(*end)->ai_next;
    }
    return *found == nullptr ? EAI_NONAME : 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* name, const char* service,
                                                                  const addrinfo* hints, addrinfo** found) {
    const std::string asked = name == nullptr ? "" : name;
    if (asked.size() < 5 || asked.substr(asked.size() - 5) != ".test") return ask_system(name, service, hints, found);
    Book& all = book();
    std::unique_lock lock(all.mutex);
    ++all.names[asked].asked;
    all.changed.wait(lock, [&] { return all.names[asked].numbers.has_value(); });
    return answer(*all.names[asked].numbers, service, hints, found);
}

namespace cast::test {

NameServer::NameServer() {
    const std::lock_guard lock(book().mutex);
    book().names.clear();
}

NameServer::~NameServer() {
    const std::lock_guard lock(book().mutex);
    for (auto& [name, entry] : book().names)
        if (!entry.numbers) entry.numbers.emplace();
    book().changed.notify_all();
}

void NameServer::set(const std::string& name, std::vector<std::string> numbers) {
    const std::lock_guard lock(book().mutex);
    book().names[name].numbers = std::move(numbers);
    book().changed.notify_all();
}

void NameServer::silence(const std::string& name) {
    const std::lock_guard lock(book().mutex);
    book().names[name].numbers.reset();
}

int NameServer::asked(const std::string& name) const {
    const std::lock_guard lock(book().mutex);
    return book().names[name].asked;
}

}  // namespace cast::test
