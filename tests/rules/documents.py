"""Documents: their relative links lead to files that are there, and to headings that are in them."""
import os
import re
from urllib.parse import unquote

LINK = re.compile(r"\[[^\]\[]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def prose(text):
    """(line number, line) of what is not a block of code; what stands in backquotes is blanked."""
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", lambda code: " " * len(code.group()), line)


def anchors(text):
    """The names by which a page's headings are linked to, as GitHub makes them."""
    fenced = False
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and re.match(r"#{1,6} ", line):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            yield words.replace(" ", "-")


def broken_links(root, path, text):
    """(line, what is wrong) of each relative link of this page that leads nowhere."""
    joined = "\n".join(line for _, line in prose(text))  # a link may stand on two lines
    numbers = [number for number, _ in prose(text)]
    for link in LINK.finditer(joined):
        target, _, anchor = unquote(link.group(1)).partition("#")
        number = numbers[joined.count("\n", 0, link.start())]
        if ELSEWHERE.match(link.group(1)):
            continue
        file = os.path.join(root, os.path.dirname(path), target) if target else os.path.join(root, path)
        if not os.path.exists(file):
            yield number, f"links to {target}, which is not there"
        elif anchor and file.endswith(".md"):
            with open(file, encoding="utf-8") as page:
                if anchor not in anchors(page.read()):
                    yield number, f"links to #{anchor}, which is no heading of {target or path}"
