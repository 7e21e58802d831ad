# SPDX-License-Identifier: MIT
"""Checks what came against what an endpoint takes, and what goes out against what it promises."""

import re

from fake import formats, propstring

NUMBERED = re.compile(r"([a-z]+)(0|[1-9]\d*)")


class Invalid(Exception):
    """A value that is not what it should be, with the server's words for it."""


def parameters(endpoint, given):
    """Returns (values, errors) for given parameters: booleans as 0 or 1, numbers as such."""
    values, errors = {}, {}
    for name, described in endpoint.parameters.items():
        if described.required and given.get(name) is None:
            errors[name] = "property is missing and it is not optional"
    for name, text in given.items():
        described = endpoint.parameter(name)
        if described is None:
            errors[name] = "property is not defined in schema and the schema does not allow additional properties"
            continue
        if text is None:
            continue
        try:
            values[name] = value(described, text)
        except Invalid as error:
            errors[name] = str(error)
        if described.requires and described.requires not in given:
            errors[described.requires] = f"missing property - '{name}' requires this property"
    return values, errors


def value(described, text):
    """Returns @text as the type that is described, or raises Invalid."""
    if described.type == "array":
        return list(text) if isinstance(text, list) else [text]
    if isinstance(text, (list, dict)) or text is None:
        raise Invalid(f"type check ('{described.type}') failed - got {type(text).__name__}")
    text = str(text)
    result = of_type(described.type, text)
    limits(described, text, result)
    if isinstance(described.format, dict):
        return property_string(described.format, text)
    if described.format and not formats.is_valid(described.format, text):
        raise Invalid(f"invalid format - value does not look like a valid {described.format}")
    if described.format == "disk-size":
        return propstring.format_size(propstring.parse_size(text))
    return result


def of_type(kind, text):
    if kind == "integer":
        if not re.fullmatch(r"[+-]?\d+", text):
            raise Invalid(f"type check ('integer') failed - got '{text}'")
        return int(text)
    if kind == "number":
        if not re.fullmatch(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", text):
            raise Invalid(f"type check ('number') failed - got '{text}'")
        return float(text) if re.search("[.eE]", text) else int(text)
    if kind == "boolean":
        switch = propstring.boolean(text)
        if switch is None:
            raise Invalid(f"type check ('boolean') failed - got '{text}'")
        return switch
    return text


def limits(described, text, result):
    if described.enum and text not in described.enum:
        raise Invalid(f"value '{text}' does not have a value in the enumeration '{', '.join(described.enum)}'")
    if described.minimum is not None and result < described.minimum:
        raise Invalid(f"value must have a minimum value of {described.minimum}")
    if described.maximum is not None and result > described.maximum:
        raise Invalid(f"value must have a maximum value of {described.maximum}")
    if described.min_length is not None and len(text) < described.min_length:
        raise Invalid(f"value must be at least {described.min_length} characters long")
    if described.max_length is not None and len(text) > described.max_length:
        raise Invalid(f"value may only be {described.max_length} characters long")
    if described.pattern and not re.fullmatch(python_pattern(described.pattern), text):
        raise Invalid("value does not match the regex pattern")


def python_pattern(pattern):
    """Perl prints the flags of a pattern into it as (?^i:…)."""
    return re.sub(r"\(\?\^(\w*):", lambda found: f"(?{found[1]}:", pattern)


def property_string(keys, text):
    """Returns the property string in the server's own order, or raises Invalid."""
    try:
        parts = propstring.split(text, keys)
        for key, described in keys.items():
            if described.required and key not in parts:
                raise Invalid(f"invalid format - format error\n{key}: property is missing and it is not optional")
        checked = {}
        for key, part in parts.items():
            try:
                checked[key] = value(keys[key], part)
            except Invalid as error:
                raise Invalid(f"invalid format - format error\n{key}: {error}") from None
            if keys[key].requires and keys[key].requires not in parts:
                raise Invalid(f"invalid format - format error\n{keys[key].requires}: missing property - "
                              f"'{key}' requires this property")
    except propstring.Malformed as error:
        raise Invalid(f"invalid format - {error}") from None
    return propstring.join(checked, keys)


def answer_faults(shape, answer, where="data"):
    """Yields what in an answer is not as its shape promises."""
    if answer is None:
        if shape.required and shape.type not in ("null", "any"):
            yield f"{where}: null, not {shape.type}"
        return
    if not is_of_type(shape.type, answer):
        yield f"{where}: {answer!r} is not {shape.type}"
        return
    if shape.items is not None:
        for number, item in enumerate(answer):
            yield from answer_faults(shape.items, item, f"{where}[{number}]")
    if shape.properties is not None and isinstance(answer, dict):
        for name, part in shape.properties.items():
            if part.required and name not in answer:
                yield f"{where}.{name}: is missing"
        for name, part in answer.items():
            numbered = NUMBERED.fullmatch(name)
            described = shape.properties.get(name) or numbered and shape.properties.get(f"{numbered[1]}[n]")
            if described:
                yield from answer_faults(described, part, f"{where}.{name}")


def is_of_type(kind, answer):
    """Numbers may come as strings."""
    if kind == "integer":
        return isinstance(answer, int) or isinstance(answer, str) and answer.lstrip("-").isdigit()
    if kind == "number":
        return isinstance(answer, (int, float)) or bool(re.fullmatch(r"-?\d+(\.\d+)?", str(answer)))
    if kind == "boolean":
        return str(answer) in ("0", "1")
    kinds = {"string": (str, int, float), "array": list, "object": dict, "null": type(None), "any": object}
    return isinstance(answer, kinds[kind])


def with_texts(answer):
    """Returns an answer with all numbers as texts."""
    if isinstance(answer, dict):
        return {name: with_texts(part) for name, part in answer.items()}
    if isinstance(answer, list):
        return [with_texts(part) for part in answer]
    return str(answer) if isinstance(answer, (int, float)) else answer


def with_nulls(shape, answer):
    """Returns an answer with null for each member that may be absent and is."""
    if isinstance(answer, list) and shape.items:
        return [with_nulls(shape.items, part) for part in answer]
    if not isinstance(answer, dict) or not shape.properties:
        return answer
    absent = {name: None for name, part in shape.properties.items() if not part.required and "[" not in name}
    return {**absent, **{name: with_nulls(shape.properties[name], part) if name in shape.properties else part
                         for name, part in answer.items()}}
