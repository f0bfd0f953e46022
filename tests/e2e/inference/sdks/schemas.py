"""JSON schemas of single values, as tools of the wild have them. All are bounded: these models would go on for ever."""

# What references of the values below lead to.
DEFINITIONS = {
    "point": {
        "type": "object",
        "properties": {"x": {"type": "integer", "minimum": -9, "maximum": 9}, "y": {"$ref": "#/$defs/axis"}},
        "required": ["x", "y"],
        "additionalProperties": False,
    },
    "axis": {"type": "integer", "minimum": 0, "maximum": 99},
}


def obj(optional=(), **properties):
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def integer(least, most):
    return {"type": "integer", "minimum": least, "maximum": most}


def text(most, least=0):
    return {"type": "string", "minLength": least, "maxLength": most} if least else {"type": "string", "maxLength": most}


def pattern(expression):
    return {"type": "string", "pattern": expression}


def listed(items, most, least=0):
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


VALUES = {
    # Numbers and their bounds.
    "integer_small": integer(-5, 5),
    "integer_one_value": integer(7, 7),
    "integer_negative": integer(-2000, -1000),
    "integer_wide": integer(-(2**31), 2**31 - 1),
    "integer_exact_in_doubles": integer(0, 2**53 - 1),
    "integer_exclusive": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 11},
    "integer_of_five": {"type": "integer", "minimum": 0, "maximum": 500, "multipleOf": 5},
    "port": integer(1, 65535),
    "number_share": {"type": "number", "minimum": 0, "maximum": 1},
    "number_signed": {"type": "number", "minimum": -273.15, "maximum": 1000.5},
    "number_exclusive": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "latitude": {"type": "number", "minimum": -90, "maximum": 90},
    # Text.
    "text_short": text(8),
    "text_exact": text(4, least=4),
    "text_between": text(20, least=3),
    "text_empty": text(0),
    "code": pattern("^[A-Z]{3}-[0-9]{2,4}$"),
    "hex_colour": pattern("^#[0-9a-f]{6}$"),
    "slug": pattern("^[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}$"),
    "clock": pattern("^([01][0-9]|2[0-3]):[0-5][0-9]$"),
    "version": pattern("^[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{1,2}$"),
    "uuid": {"type": "string", "format": "uuid"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "date": {"type": "string", "format": "date"},
    # Words from a list.
    "unit": {"type": "string", "enum": ["C", "F", "K"]},
    "unit_untyped": {"enum": ["metric", "imperial"]},
    "words_of_many_tongues": {"enum": ["Zürich", "東京", "Москва", "naïve ☕", ""]},
    "words_to_escape": {"enum": ['a "quoted" word', "back\\slash", "new\nline", "tab\there", "</tool_call>"]},
    "values_mixed": {"enum": ["auto", 1, 2.5, True, None]},
    "constant": {"const": "fixed"},
    "constant_number": {"const": 42},
    "one_of_forty": {"enum": [f"choice-{n:02}" for n in range(40)]},
    # Truth and nothing.
    "flag": {"type": "boolean"},
    "nothing": {"type": "null"},
    "flag_or_null": {"type": ["boolean", "null"]},
    "integer_or_null": {"anyOf": [integer(1, 9), {"type": "null"}]},
    "text_or_null": {"anyOf": [text(6), {"type": "null"}]},
    # Alternatives.
    "number_or_word": {"anyOf": [integer(0, 100), {"enum": ["all", "none"]}]},
    "shape_by_kind": {
        "anyOf": [
            obj(kind={"const": "circle"}, radius=integer(1, 50)),
            obj(kind={"const": "box"}, width=integer(1, 50), height=integer(1, 50)),
        ]
    },
    "payment_one_of": {
        "oneOf": [obj(card=pattern("^[0-9]{4}$")), obj(cash={"const": True}), obj(voucher=text(6, least=2))]
    },
    "all_of_two": {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 30}]},
    # Lists.
    "integers": listed(integer(0, 9), 4),
    "integers_some": listed(integer(-1, 1), 3, least=2),
    "words": listed({"enum": ["red", "green", "blue"]}, 5, least=1),
    "no_items": listed(text(3), 0),
    "matrix": listed(listed(integer(0, 1), 2, least=2), 2, least=2),
    "pair": {
        "type": "array", "prefixItems": [text(4), integer(0, 9)], "items": False, "minItems": 2, "maxItems": 2,
    },
    "records": listed(obj(id=integer(1, 99), done={"type": "boolean"}), 3),
    # Objects.
    "empty_object": obj(),
    "address": obj(("flat",), street=text(10, least=1), number=integer(1, 200), flat=text(2)),
    "nested": obj(a=obj(b=obj(c=obj(d={"type": "boolean"})))),
    "all_optional": obj(("a", "b", "c"), a={"type": "boolean"}, b=integer(0, 3), c={"const": "c"}),
    "odd_names": obj(**{"größe": integer(0, 9), "a b": {"type": "boolean"}, 'q"uote': {"type": "null"}, "$at": integer(0, 1)}),
    # References.
    "point": {"$ref": "#/$defs/point"},
    "points": listed({"$ref": "#/$defs/point"}, 2, least=1),
    "axis_or_null": {"anyOf": [{"$ref": "#/$defs/axis"}, {"type": "null"}]},
}
