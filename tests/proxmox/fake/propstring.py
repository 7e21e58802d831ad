# SPDX-License-Identifier: MIT
"""Property strings: "vmbr0,name=eth0" and the like, as the API writes them into one value."""

import re

TRUE = ("1", "on", "yes", "true")
FALSE = ("0", "off", "no", "false")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Malformed(Exception):
    """A property string that breaks the grammar, with what is wrong."""


def split(text, keys):
    """Returns {key: text} for a property string whose keys are described."""
    found = {}
    for part in text.split(","):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals:
            key, value = next((name for name, described in keys.items() if described.default_key), None), part
            if key is None:
                raise Malformed("value without key, but schema does not define a default key")
        if not value or key not in keys:
            raise Malformed(f"invalid key {key!r} or missing value" if equals else "invalid format")
        if key in found:
            raise Malformed(f"duplicate key in comma-separated list property: {key}")
        found[key] = value
    return found


def join(values, keys):
    """Returns the property string: the default key bare and first, then required keys, then the others, each
    group in the order of the alphabet."""
    def rank(key):
        return not keys[key].default_key, not keys[key].required, key

    parts = []
    for key in sorted(values, key=rank):
        value = str(values[key])
        parts.append(value if keys[key].default_key else f"{key}={value}")
    return ",".join(parts)


def boolean(text):
    """Returns 1 or 0, or None for what is no boolean."""
    word = str(text).lower()
    return 1 if word in TRUE else 0 if word in FALSE else None


def parse_size(text):
    """Returns the bytes of a size, or None."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:iB)?", text)
    return int(float(found[1]) * UNITS[found[2]]) if found else None


def format_size(size):
    """Returns a size in the largest unit that is exact."""
    for unit in "TGMK":
        if size and size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]}{unit}"
    return str(size)
