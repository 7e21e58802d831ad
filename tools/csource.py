"""Just enough understanding of C for the checks: comments, strings, functions, prototypes.

The code's format is fixed (see .clang-format), and that is relied upon: the braces of a function
stand alone in the first column.
"""

import re

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
CONTROL = re.compile(r"\t*(?:\} )?(?:if|else|for|while|do|switch|\w*foreach)\b")


def blank(text, keep_strings=False):
    """Returns @text with comments (and what strings contain) as spaces; lines stay where they are."""

    def replace(match):
        token = match[0]
        if token[0] in "\"'":
            return token if keep_strings else token[0] + " " * (len(token) - 2) + token[-1]
        return spaces(match)

    return TOKEN.sub(replace, text)


def comments(text):
    """Yields (offset, comment)."""
    for match in TOKEN.finditer(text):
        if match[0][0] == "/":
            yield match.start(), match[0]


def line_at(text, offset):
    return text.count("\n", 0, offset) + 1


def without_attributes(declaration):
    declaration = re.sub(r"\[\[.*?\]\]", " ", declaration, flags=re.S)
    return re.sub(r"__attribute__\s*\(\(.*?\)\)", " ", declaration, flags=re.S)


def parameters(declaration):
    """Returns how many parameters the function has whose head is @declaration."""
    declaration = without_attributes(declaration)
    opened = declaration.index("(")
    depth, commas = 0, 0
    for position in range(opened, len(declaration)):
        character = declaration[position]
        depth += (character in "([{") - (character in ")]}")
        if depth == 1 and character == ",":
            commas += 1
        if depth == 0:
            break
    inside = declaration[opened + 1:position].strip()
    return 0 if inside in ("", "void") else commas + 1


class Function:
    def __init__(self, name, line, lines, count, nesting):
        self.name = name
        self.line = line
        self.lines = lines
        self.parameters = count
        self.nesting = nesting


def functions(text):
    """Yields the functions that @text defines."""
    lines = blank(text).splitlines()
    for opened, line in enumerate(lines):
        if line != "{":
            continue
        first = opened
        while first > 0 and not re.match(r"\s*$|[}#]|.*;\s*$", lines[first - 1]):
            first -= 1
        head = without_attributes("\n".join(lines[first:opened]))
        name = re.search(r"(\w+)\s*\(", head)
        if not name:
            continue
        closed = next((n for n in range(opened, len(lines)) if lines[n].startswith("}")), opened)
        nesting = max((len(body) - len(body.lstrip("\t")) for body in lines[opened:closed]
                       if CONTROL.match(body)), default=0)
        yield Function(name[1], first + 1, closed - first + 1, parameters(head), nesting)


def prototypes(text):
    """Yields (offset, name) of each function that a header declares without a body."""
    code = blank(text)
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", spaces, code, flags=re.M)
    code = re.sub(r'\bextern " *"\s*\{', spaces, code)
    code = re.sub(r"^[A-Z]\w+\([^()]*\)$", spaces, code, flags=re.M)  # a macro that needs no semicolon
    bodies = 1
    while bodies:  # from the innermost outwards; what had a body looks declared, and ends there
        code, bodies = re.subn(r"\{[^{}]*\}", lambda body: ";" + spaces(body)[1:], code)

    for statement in re.finditer(r"[\w\[][^;]*;", code):
        declaration = without_attributes(statement[0])
        if re.match(r"\s*(typedef|static|inline|_Static_assert|static_assert)\b", declaration):
            continue
        found = re.match(r"\s*\w[\w\s*]*[\s*](\w+)\s*\((?!\s*\*)", declaration)
        if found:
            yield statement.start(), found[1]


def spaces(match):
    return re.sub(r"[^\n]", " ", match[0])
