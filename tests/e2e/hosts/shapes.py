"""What a JSON answer must look like: types, patterns, members, and lists that are not empty."""

import re

INTEGER = r"-?\d+"
AMOUNT = r"\d+"
DECIMAL = r"-?\d+\.\d{18}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(\d{3}){1,3})?Z"
SECONDS = r"\d+(\.\d+)?s"
BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
ADDRESS = r"quern1[0-9a-z]{38}([0-9a-z]{20})?"
VALOPER = r"quernvaloper1[0-9a-z]{38}"
VALCONS = r"quernvalcons1[0-9a-z]{38}"
HASH = r"[0-9A-F]{64}"
COIN = {"denom": r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}", "amount": AMOUNT}
DEC_COIN = COIN | {"amount": DECIMAL}
PAGE = {"next_key": lambda key: key is None or isinstance(key, str), "total": AMOUNT}


class Maybe(list):
    """A list that may be empty."""


def differs(value, shape, at="answer"):
    """What is wrong with a value, or None."""
    if isinstance(shape, str):
        if isinstance(value, str) and re.fullmatch(shape, value, re.DOTALL):
            return None
        return f"{at} is {value!r}, not {shape}"
    if isinstance(shape, type):
        return None if isinstance(value, shape) else f"{at} is {value!r}, no {shape.__name__}"
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{at} is {value!r}, no object"
        missing = shape.keys() - value.keys()
        if missing:
            return f"{at} lacks {sorted(missing)}"
        found = (differs(value[name], inner, f"{at}.{name}") for name, inner in shape.items())
        return next((each for each in found if each), None)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{at} is {value!r}, no list"
        if not value and not isinstance(shape, Maybe):
            return f"{at} is empty"
        found = (differs(each, shape[0], f"{at}[{n}]") for n, each in enumerate(value))
        return next((each for each in found if each), None)
    return None if shape(value) else f"{at} is {value!r}"
