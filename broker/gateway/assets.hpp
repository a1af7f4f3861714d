// Assets: the page's three files, from the program itself or, for who works on the page, from a folder (--dev).
// io thread; building the page anew happens on a worker.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/http/request.hpp"
#include "gateway/net.hpp"

namespace gateway {

struct App;

class Assets {
public:
    explicit Assets(App& app);
    ~Assets();

    /// The file of this path ("/", "/app.js"); nothing when there is none.
    std::optional<Answer> find(std::string_view path) const;
    /// With --dev: looks for changes until the app stops, and tells browsers. Otherwise nothing.
    awaitable<void> watch();

private:
    struct File {
        const char* type = "";
        std::shared_ptr<const std::string> body;
        std::string tag;
    };
    void put(const std::string& path, const char* type, std::string body);
    awaitable<void> build();

    App& app_;
    std::map<std::string, File, std::less<>> files_;
    std::string out_;  ///< --dev: where the page is built
};

}  // namespace gateway
