# SPDX-License-Identifier: MIT
"""How a test in another process tells the fake what to do: POST /control with {"call": "mischief.fail",
"arguments": {…}}. It is apart from the API, and needs no ticket."""

import json


def answer(handler):
    """Answers a request of the control endpoint."""
    length = int(handler.headers.get("Content-Length", "0"))
    try:
        wanted = json.loads(handler.rfile.read(length) or "{}")
        status, body = 200, {"data": run(handler.server, wanted.get("call"), wanted.get("arguments", {}))}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        status, body = 400, {"error": f"{type(error).__name__}: {error}"}
    except Exception as error:  # what a person does may fail as well
        status, body = 500, {"error": f"{type(error).__name__}: {error}"}
    content = json.dumps(body, default=str).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def run(server, call, arguments):
    """Calls a method of what a test may use, by its name."""
    found, name = server.control, None
    for name in str(call).split("."):
        if name.startswith("_"):
            raise ValueError(f"{call} can't be called")
        found = getattr(found, name)
    if not callable(found):
        return found
    return found(**arguments)
