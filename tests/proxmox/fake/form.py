# SPDX-License-Identifier: MIT
"""Parameters as they come in: queries, forms, JSON, and files that are uploaded."""

import json
import re
import urllib.parse

from fake.failure import Refused


FIELDS = ("content", "checksum-algorithm", "checksum")
FAILED = Refused(500, "upload failed")


def decode(text):
    """Returns {name: text, or a list for a name that is repeated} as the server takes forms and queries apart: at
    "&" and ";", of each pair only what is before the second "=". A name alone has no value."""
    found = {}
    for pair in re.split("[&;]", text):
        if not pair:
            continue
        words = pair.split("=")
        name, value = unescape(words[0]), unescape(words[1]) if len(words) > 1 else None
        if value is not None and found.get(name) is not None:
            before = found[name]
            found[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            found[name] = value
    return found


def unescape(text):
    return urllib.parse.unquote(text.replace("+", " "), errors="replace")


def decode_json(body):
    """Returns the object of a JSON body, numbers and booleans as texts."""
    try:
        found = json.loads(body or "{}")
    except ValueError as error:
        raise Refused(500, f"malformed JSON string: {error}") from None
    if not isinstance(found, dict):
        raise Refused(500, "malformed JSON request: not an object")
    return {name: plain(value) for name, value in found.items() if value is not None}


def plain(value):
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, (int, float)) else value


class Upload:
    """A body of several parts: content, checksum-algorithm and checksum in this order as far as they are there, and
    the file at last. It is read as it comes, and the file is spooled."""

    def __init__(self, stream, length, boundary):
        self.stream = stream
        self.left = length
        self.boundary = b"--" + boundary.encode()

    def line(self):
        line = self.stream.readline(min(self.left, 8192))
        self.left -= len(line)
        return line

    def headers(self):
        """Returns the header lines of a part."""
        found = []
        while (line := self.line().rstrip(b"\r\n")):
            found.append(line.decode(errors="replace"))
        return found

    def read(self, spool):
        """Returns the fields; the file goes to @spool. What is wrong is said when all of it came."""
        try:
            return self.parts(spool)
        finally:
            while self.left > 0 and (block := self.stream.read(min(self.left, 1 << 16))):
                self.left -= len(block)

    def parts(self, spool):
        fields = {}
        expected = list(FIELDS)
        if self.line().rstrip(b"\r\n") != self.boundary:
            raise FAILED
        while self.left > 0:
            headers = self.headers()
            found = re.match(r'Content-Disposition: form-data; name="(.*?)"(?:; filename="([^"]+)")?',
                             headers[0]) if headers else None
            if not found:
                raise FAILED
            if found[2]:
                if found[1] != "filename":
                    raise Refused(500, f"wrong field name '{found[1]}' for file upload, expected 'filename'")
                fields["filename"] = found[2].strip()
                self.spool(spool)
                return fields
            if found[1] not in expected:
                raise FAILED
            del expected[:expected.index(found[1]) + 1]
            fields[found[1]] = self.value().strip()
        raise FAILED

    def value(self):
        """Returns the text of a part up to the next boundary."""
        value = b""
        while self.left > 0:
            line = self.line()
            if line.rstrip(b"\r\n") in (self.boundary, self.boundary + b"--"):
                return value.removesuffix(b"\r\n").decode(errors="replace")
            value += line
        raise FAILED

    def spool(self, path):
        """Writes all up to the last boundary to a file."""
        end = b"\r\n" + self.boundary + b"--"
        kept = b""
        with open(path, "wb") as file:
            while self.left > 0:
                block = self.stream.read(min(self.left, 1 << 16))
                if not block:
                    raise FAILED
                self.left -= len(block)
                kept += block
                place = kept.find(end)
                if place >= 0:
                    file.write(kept[:place])
                    return
                file.write(kept[:-len(end)])
                kept = kept[-len(end):]
        raise FAILED
