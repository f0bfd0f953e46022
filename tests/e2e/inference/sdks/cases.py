"""The table of the conformance suite: tools, schemas and requests, the same on every run."""

import itertools
import json
import random
from dataclasses import dataclass

from schemas import DEFINITIONS, VALUES

TOOL_CASES = 360
SCHEMA_CASES = 60
MOST_TOKENS = 400
# Model ids by how the model writes calls; the packaged model's template shows no tools.
STYLES = ("quern-small", "quern-tagged", "quern-listed", "quern-named", "quern-parameters", "quern-bare")
UNTAUGHT = STYLES[0]
# One of them at an attached worker, to which the other one is any engine.
BEHIND, ATTACHED = "quern-tagged", "quern-attached"
# Those that announce a call by a token of its own.
MARKED = STYLES[1:5]
# Writes texts as they are, and so takes no pattern or format of them: strict tools with one are refused.
PLAIN_TEXTS = STYLES[4]
DIALECTS = ("chat", "chat", "chat", "responses", "messages")


@dataclass(frozen=True)
class Case:
    """One request and what its answer is held to."""

    number: int
    model: str
    dialect: str
    # Argument schemas by the tools' names.
    tools: dict
    # `required`, `auto`, or the name of a tool.
    choice: str
    strict: bool
    parallel: bool
    stream: bool
    temperature: float
    # For `auto`: whether the model is made to want a call, so that it makes one by its own choice.
    wants_call: bool

    def __str__(self):
        choice = self.choice if self.choice in ("required", "auto") else "named"
        how = "streamed" if self.stream else "whole"
        return f"case {self.number} ({self.dialect}, {self.model}, {choice}, {how}): {json.dumps(self.tools)}"


def has_form(schema):
    return schema.get("type") == "string" and bool({"pattern", "format"} & set(schema))


def record(dice, names):
    """The schema of an object with some of the values."""
    fields = {name: VALUES[name] for name in names}
    schema = {
        "type": "object",
        "properties": fields,
        "required": [name for name in names if dice.random() < 0.75],
        "additionalProperties": False,
    }
    if '"$ref"' in json.dumps(fields):
        schema["$defs"] = DEFINITIONS
    return schema


def tool_cases():
    """Every value comes up several times, beside others, in one to six tools, with every kind of request."""
    dice = random.Random(20261122)
    names = itertools.cycle(dice.sample(sorted(VALUES), len(VALUES)))
    cases = []
    for number in range(TOOL_CASES):
        model = STYLES[number % len(STYLES)]
        tools = {}
        for index in range(dice.choice((1, 1, 2, 3, 6))):
            fields = list(dict.fromkeys(next(names) for _ in range(dice.choice((0, 1, 1, 2, 3)))))
            fields = [name for name in fields if model != PLAIN_TEXTS or not has_form(VALUES[name])]
            tools[f"tool-{index}.{dice.choice(('get', 'set_it', 'B'))}"] = record(dice, fields)
        dialect = dice.choice(DIALECTS)
        choices = ["required", next(iter(tools))]
        # Messages have no biases, without which these models neither call of their own accord nor end a list of calls.
        biased = dialect != "messages"
        if model != UNTAUGHT and biased:
            choices += ["auto", "auto"] if model in MARKED else ["auto"]
        if dialect == "messages":
            # Anthropic's names have no dots.
            tools = {name.replace(".", "-"): schema for name, schema in tools.items()}
            choices[1] = next(iter(tools))
        cases.append(
            Case(
                number=number,
                model=model,
                dialect=dialect,
                tools=tools,
                choice=dice.choice(choices),
                strict=dice.random() < 0.6,
                parallel=biased and dice.random() < 0.4,
                stream=dice.random() < 0.5,
                temperature=dice.choice((0, 0.7, 1.0, 1.0, 1.5)),
                wants_call=model in MARKED and dice.random() < 0.7,
            )
        )
    return cases


def schema_cases():
    """Number, schema, and whether to stream, of answers that are held to a schema instead of a call."""
    dice = random.Random(5)
    names = itertools.cycle(sorted(VALUES))
    return [
        (number, record(dice, [next(names), next(names)]), number % 3 == 0) for number in range(SCHEMA_CASES)
    ]
