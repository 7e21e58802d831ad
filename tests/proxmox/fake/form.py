# SPDX-License-Identifier: MIT
"""Parameters as they come in: queries, forms, JSON, and files that are uploaded."""

import json
import re
import urllib.parse

from fake.failure import Refused


def decode(text):
    """Returns {name: text, or a list for a name that is repeated} as the server takes forms and queries apart: at
    "&" and ";", of each pair only what is before the second "="."""
    found = {}
    for pair in re.split("[&;]", text):
        if not pair:
            continue
        words = pair.split("=")
        name, value = unescape(words[0]), unescape(words[1]) if len(words) > 1 else ""
        if name in found:
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
    """A body of several parts, of which the file comes last. It is read as it comes and spooled to a file."""

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
        if self.line().rstrip(b"\r\n") != self.boundary:
            raise Refused(501, "upload failed: no boundary")
        while self.left > 0:
            headers = self.headers()
            if not headers or not headers[0].lower().startswith("content-disposition:"):
                raise Refused(501, "upload failed: a part does not begin with its disposition")
            name = re.search(r'\bname="([^"]*)"', headers[0])
            filename = re.search(r'\bfilename="([^"]*)"', headers[0])
            if not name:
                raise Refused(501, "upload failed: a part has no name")
            if filename:
                if name[1] != "filename":
                    raise Refused(501, f"upload failed: the file's part is named '{name[1]}', not 'filename'")
                if "content" not in fields:
                    raise Refused(501, "upload failed: content comes before the file")
                fields["filename"] = filename[1]
                self.spool(spool)
                return fields
            fields[name[1]] = self.value()
        raise Refused(501, "upload failed: there is no file")

    def value(self):
        """Returns the text of a part up to the next boundary."""
        value = b""
        while self.left > 0:
            line = self.line()
            if line.rstrip(b"\r\n") in (self.boundary, self.boundary + b"--"):
                return value.removesuffix(b"\r\n").decode(errors="replace")
            value += line
        raise Refused(501, "upload failed: a part has no end")

    def spool(self, path):
        """Writes all up to the last boundary to a file."""
        end = b"\r\n" + self.boundary + b"--"
        kept = b""
        with open(path, "wb") as file:
            while self.left > 0:
                block = self.stream.read(min(self.left, 1 << 16))
                if not block:
                    raise Refused(501, "upload failed: the connection ended")
                self.left -= len(block)
                kept += block
                place = kept.find(end)
                if place >= 0:
                    file.write(kept[:place])
                    return
                file.write(kept[:-len(end)])
                kept = kept[-len(end):]
        raise Refused(501, "upload failed: the file has no end")
