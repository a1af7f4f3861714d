"""C++ as far as rules need to read it: text without comments and literals, bodies of functions, classes."""
import re

TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"([^()\\ ]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""", re.DOTALL
)


def blank(text):
    """The code without what stands in comments and literals; every character keeps its line."""
    return TOKENS.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def is_body(head):
    """Whether the brace after this text (since the last statement) opens a function's body."""
    head = re.sub(r"^\s*(template\s*<[^{}]*?>\s*(?=[a-zA-Z_:\[~]))+", "", head)
    head = re.sub(r"\b(alignas|__attribute__|decltype|noexcept|requires)\s*\((?:[^()]|\([^()]*\))*\)", " ", head)
    if re.match(r"\s*(inline\s+)?(namespace|extern\b\s*$|enum\b|(typedef\s+)?(class|struct|union)\b[^(]*$)", head):
        return False
    close = head.rfind(")")
    if close < 0 or head.count("(") != head.count(")"):
        return False
    tail = head[close + 1 :]
    colon = re.search(r"\)\s*(?:const|noexcept|\s)*(?<!:):(?!:)", head)
    if colon:  # a constructor's list of members: its body follows a ")" or a "}", a member's own brace a name
        return re.search(r"[)}]\s*$", head) is not None
    return "=" not in tail


BRANCH = re.compile(r"\b(?:if|for|while|case|catch)\b|&&|\|\||\?")
CLASS = re.compile(r"\b(?:class|struct|union)\s+(?:[A-Z]+_[A-Z]+\s+)?([A-Z]\w*)[^;()]*$")
MEMBER = re.compile(r"((?:\w+(?:<[^<>]*>)?::)+)~?\w+\s*\(")


class Body:
    """A function's body: its first and last line, the class that it is a member of ("" for none), its ways through."""

    def __init__(self, begin, end, owner, text):
        self.begin, self.end, self.owner = begin, end, owner
        self.branches = 1 + len(BRANCH.findall(text))


def owner_of(head, around):
    """The class of a function that is defined as `head`, inside of these classes."""
    if around:
        return "::".join(around)
    member = MEMBER.search(head)
    parts = re.sub(r"<[^<>]*>", "", member.group(1)).split("::") if member else []
    while parts and not parts[0][:1].isupper():
        parts = parts[1:]  # a namespace
    return "::".join(part for part in parts if part)


def bodies(code):
    """(function bodies that are not inside another, classes as (name, first line, last line))."""
    directive = re.compile(r"^[ \t]*#(?:[^\n\\]|\\[\s\S])*", re.MULTILINE)
    code = directive.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), code)
    found, classes, inside, head, line = [], [], [], "", 1  # inside: the open braces: (kind, line, text before, place)
    for place, character in enumerate(code):
        if character == "\n":
            line += 1
        if character == "{":
            named = CLASS.search(head)
            kind = "body" if is_body(head) else "class " + named.group(1) if named else ""
            if any(entry[0] == "body" for entry in inside):
                kind = ""
            inside.append((kind, line, head, place))
            head = ""
        elif character == "}" and inside:
            kind, begin, before, start = inside.pop()
            around = [entry[0][6:] for entry in inside if entry[0].startswith("class ")]
            if kind == "body":
                found.append(Body(begin, line, owner_of(before, around), code[start:place]))
            elif kind:
                classes.append(("::".join(around + [kind[6:]]), begin, line))
            list_of_members = re.search(r"\)\s*(?:const|noexcept|\s)*(?<!:):(?!:)", before)
            unfinished = kind != "body" and list_of_members or before.count("(") > before.count(")")
            head = before + "{}" if unfinished else ""
        elif character == ";" and head.count("(") == head.count(")"):
            head = ""
        else:
            head += character
    return found, classes
