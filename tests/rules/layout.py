"""The layout of files as the formatters have it: clang-format 14 for C++, black for Python."""
import os
import re
import shutil
import subprocess

COLUMNS = 120


def not_formatted(root, cxx, python):
    """(path, line, text) of each of these files that its formatter would change, or of a formatter that is missing."""
    clang = shutil.which("clang-format-14") or shutil.which("clang-format")
    for tool, files, check in ((clang, cxx, clang_differences), (shutil.which("black"), python, black_differences)):
        if files and not tool:
            yield files[0], 1, "its formatter is missing: conf/install-packages.sh test"
        elif files:
            yield from check(root, tool, files)


def clang_differences(root, tool, files):
    if not os.path.exists(os.path.join(root, ".clang-format")):
        return
    seen = set()
    run = subprocess.run([tool, "--dry-run", *files], cwd=root, capture_output=True, text=True, check=False)
    for path, line in re.findall(r"^([^:\n]+):(\d+):\d+: (?:warning|error): ", run.stderr, re.MULTILINE):
        if path not in seen:
            seen.add(path)
            yield path, int(line), "is not as clang-format has it: clang-format -i " + path


def black_differences(root, tool, files):
    run = subprocess.run(
        [tool, "--check", "-l", str(COLUMNS), *files], cwd=root, capture_output=True, text=True, check=False
    )
    for path in re.findall(r"^(?:would reformat|error: cannot format) ([^:\n]+)", run.stderr, re.MULTILINE):
        path = os.path.relpath(os.path.join(root, path), root)
        yield path, 1, f"is not as black has it: black -l {COLUMNS} {path}"
