// cast/export.hpp: marks what the shared library shows to its users, and what of that it does not. No code.
#pragma once

#if defined(__GNUC__)
#define CAST_API __attribute__((visibility("default")))
#define CAST_LOCAL __attribute__((visibility("hidden")))
#else
#define CAST_API
#define CAST_LOCAL
#endif
