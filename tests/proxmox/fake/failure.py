# SPDX-License-Identifier: MIT
"""How a request fails."""


class Failure(Exception):
    """A request that ends with a status; the text goes into the reason phrase."""

    def __init__(self, status, text, errors=None):
        super().__init__(text)
        self.status = status
        self.text = text
        self.errors = errors


class Refused(Failure):
    """A request that the server turns down before it looks at the method: the answer has no body."""


class Died(Failure):
    """The method died."""

    def __init__(self, text):
        super().__init__(500, text)


def denied(path, *privileges):
    """Returns the failure of who lacks privileges on a path."""
    return Failure(403, f"Permission check failed ({path}, {'|'.join(privileges)})")
