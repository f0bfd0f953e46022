"""After the K2 Vendor Verifier: many tools and schemas, and how many answers are valid. All have to be.

What the models want to say is beside the point: they are tiny and were taught nothing of tools.
"""

import collections
import json
import re
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import jsonschema
import openai
from cases import ATTACHED, BEHIND, MOST_TOKENS, PLAIN_TEXTS, STYLES, UNTAUGHT, schema_cases, tool_cases
from dialects import ASK, CHAT, END, OPENAI, Answer, mark_ids
from served import MODEL

MOST_CALLS = 16
FORMATS = jsonschema.FormatChecker(formats=["ipv4", "uuid"])


@FORMATS.checks("date")
def is_date(value):
    """Leap years apart: the grammar knows the days of a month, and no calendar."""
    if not isinstance(value, str):
        return True
    return re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", value, re.ASCII) is not None


def unlike(pairs):
    """An object, whose names have to differ: most parsers would keep the last of them and say nothing."""
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"a name comes twice: {names}")
    return dict(pairs)


def fault(schema, text):
    """What is wrong with a JSON text, if anything is."""
    try:
        value = json.loads(text, object_pairs_hook=unlike)
    except ValueError as error:
        return f"no JSON: {error}: {text}"
    errors = jsonschema.Draft202012Validator(schema, format_checker=FORMATS).iter_errors(value)
    return next((f"{error.message}: {text}" for error in errors), None)


def faults(case, answer):
    """Every way in which an answer is not what its request asked for."""
    whole = answer.calls[:-1] if answer.finish == "length" else answer.calls
    for _, name, arguments in whole:
        if name not in case.tools:
            yield f"there is no tool {name}"
        elif wrong := fault(case.tools[name], arguments):
            yield wrong
    ids = [call[0] for call in answer.calls]
    if len(set(ids)) != len(ids) or not all(ids):
        yield f"ids are missing or not unique: {ids}"
    if answer.tokens > MOST_TOKENS or len(answer.calls) > MOST_CALLS:
        yield f"{answer.tokens} tokens and {len(answer.calls)} calls are too many"
    if answer.finish == "length":
        if answer.tokens != MOST_TOKENS:
            yield f"cut after {answer.tokens} of {MOST_TOKENS} tokens"
        return
    if (answer.finish == "tool_calls") != bool(answer.calls):
        yield f"{answer.finish} with {len(answer.calls)} calls"
    if len(answer.calls) > 1 and not (case.parallel and case.choice in ("auto", "required")):
        yield f"{len(answer.calls)} calls where one was asked for"
    if case.choice != "auto" and not answer.calls:
        yield "no call, though one was required"
    if case.choice not in ("auto", "required") and {call[1] for call in answer.calls} != {case.choice}:
        yield "a tool that was not named"
    if case.choice != "auto" and answer.text:
        yield f"text beside a forced call: {answer.text}"
    if case.choice == "auto" and case.wants_call and not case.parallel and not answer.calls:
        yield "no call, though the model wanted one"


def in_parallel(ask, cases):
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(ask, cases))


class ToolCalls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cases, cls.marks = tool_cases(), mark_ids()

    def test_the_check_finds_what_is_wrong(self):
        schema = {
            "type": "object", "properties": {"a": {"type": "integer", "maximum": 5}}, "required": ["a"],
            "additionalProperties": False,
        }
        case = replace(self.cases[0], tools={"f": schema, "g": schema}, choice="f", parallel=False)
        good = ("1", "f", '{"a": 5}')
        right = Answer("", [good], "tool_calls", 9)
        self.assertEqual(list(faults(case, right)), [])
        self.assertEqual(list(faults(case, replace(right, finish="length", tokens=MOST_TOKENS))), [])
        for wrong in (
            replace(right, calls=[("1", "f", '{"a": 6}')]),
            replace(right, calls=[("1", "f", '{"a": 1, "a": 2}')]),
            replace(right, calls=[("1", "f", '{"a": 1')]),
            replace(right, calls=[("1", "f", "{}")]),
            replace(right, calls=[("1", "h", '{"a": 5}')]),
            replace(right, calls=[("1", "g", '{"a": 5}')]),
            replace(right, calls=[("", "f", '{"a": 5}')]),
            replace(right, calls=[good, good]),
            replace(right, calls=[]),
            replace(right, finish="stop"),
            replace(right, finish="length"),
            replace(right, text="Well,"),
            replace(right, tokens=MOST_TOKENS + 1),
        ):
            self.assertTrue(list(faults(case, wrong)), wrong)

    def test_every_call_of_the_table_is_valid_and_every_ending_is_told_as_it_was(self):
        answers = in_parallel(lambda case: ASK[case.dialect](case, self.marks), self.cases)
        wrong, score = [], collections.Counter()
        for case, answer in zip(self.cases, answers):
            wrong += [f"{case}\n  {problem}" for problem in faults(case, answer)]
            kind = "cut" if answer.finish == "length" else "called" if answer.calls else "text"
            score[kind] += 1
            score["calls"] += len(answer.calls) - (kind == "cut" and bool(answer.calls))
        self.assertEqual(wrong, [], f"{len(wrong)} faults")
        print(
            f"conformance: 100 % valid: {score['calls']} calls of {len(self.cases)} cases, 0 invalid; "
            f"{score['called']} ended by calls, {score['text']} by text, {score['cut']} were cut and said so"
        )
        self.assertGreaterEqual(len(self.cases), 200)
        self.assertGreaterEqual(score["called"], 200)
        for style in STYLES:
            called = sum(len(answer.calls) for case, answer in zip(self.cases, answers) if case.model == style)
            self.assertGreaterEqual(called, 30, style)
        self.assertLessEqual(score["cut"], len(self.cases) // 10)
        self.assertGreater(score["text"], 0)

    def test_a_call_that_is_cut_is_told_as_length_at_its_very_token(self):
        # No call is shorter than its frame, which is longer than this.
        cases = [case for case in self.cases if case.choice != "auto"][:48]
        for most in (1, 6):
            answers = in_parallel(lambda case: ASK[case.dialect](case, self.marks, most=most), cases)
            for case, answer in zip(cases, answers):
                self.assertEqual((answer.finish, answer.tokens), ("length", most), str(case))

    def test_what_cannot_be_enforced_is_refused_in_strict_tools_and_left_out_in_others(self):
        schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
        schema |= {"not": {"required": ["b"]}}
        case = replace(
            self.cases[0], model=MODEL, dialect="chat", tools={"f": schema | {"additionalProperties": False}},
            choice="f", stream=False, strict=True,
        )
        with self.assertRaises(openai.BadRequestError) as caught:
            ASK["chat"](case, self.marks)
        self.assertEqual((caught.exception.param, caught.exception.code), ("tools", "invalid_value"))
        answer = ASK["chat"](replace(case, strict=False), self.marks)
        self.assertIn("a", json.loads(answer.calls[0][2]))
        formed = schema["properties"] | {"a": {"type": "string", "pattern": "^[A-Z]{3}$"}}
        case = replace(case, model=PLAIN_TEXTS, tools={"f": {
            "type": "object", "properties": formed, "required": ["a"], "additionalProperties": False,
        }})
        with self.assertRaises(openai.BadRequestError) as caught:
            ASK["chat"](case, self.marks)
        self.assertEqual(caught.exception.param, "tools")


class Attached(unittest.TestCase):
    """What passes through an attached worker: it reads each answer as that of a stranger, and hands on no wrong one."""

    def test_every_call_is_valid_there_too(self):
        marks = mark_ids()
        marks[ATTACHED] = marks[BEHIND]
        cases = []
        for case in tool_cases():
            if case.model == BEHIND:
                # It asks no engine for one call at most, and without biases these models end no list of calls.
                named = {"choice": next(iter(case.tools))} if case.dialect == "messages" else {}
                cases.append(replace(case, model=ATTACHED, parallel=True, **named))
        wrong, score = [], collections.Counter()
        for case, answer in zip(cases, in_parallel(lambda case: ASK[case.dialect](case, marks), cases)):
            wrong += [f"{case}\n  {problem}" for problem in faults(case, answer)]
            score["cut" if answer.finish == "length" else "called" if answer.calls else "text"] += 1
        self.assertEqual(wrong, [], f"{len(wrong)} faults")
        print(f"conformance: an attached engine's answers are 100 % valid: {dict(score)} of {len(cases)} cases")
        self.assertGreaterEqual(score["called"], len(cases) // 3)
        self.assertLessEqual(score["cut"], len(cases) // 10)

    def test_one_call_at_most_is_refused_by_name(self):
        case = next(case for case in tool_cases() if case.model == BEHIND and case.dialect == "chat")
        with self.assertRaises(openai.BadRequestError) as caught:
            ASK["chat"](replace(case, model=ATTACHED, parallel=False), {})
        self.assertEqual(caught.exception.param, "parallel_tool_calls")


class Formats(unittest.TestCase):
    def ask(self, case, model=UNTAUGHT):
        number, schema, stream = case
        request = {
            "model": model, "messages": CHAT, "seed": number, "max_tokens": MOST_TOKENS,
            "response_format": {"type": "json_schema", "json_schema": {"name": "it", "schema": schema, "strict": True}},
        }
        if not stream:
            choice = OPENAI.chat.completions.create(**request).choices[0]
            return choice.message.content, choice.finish_reason
        text, finish = "", None
        for chunk in OPENAI.chat.completions.create(stream=True, **request):
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
        return text, finish

    def test_every_answer_that_is_held_to_a_schema_matches_it_or_says_that_it_was_cut(self):
        for model in (UNTAUGHT, ATTACHED):
            cases, score = schema_cases(), collections.Counter()
            answers = in_parallel(lambda case: self.ask(case, model), cases)
            for (number, schema, _), (text, finish) in zip(cases, answers):
                score[finish] += 1
                if finish == "stop":
                    self.assertIsNone(fault(schema, text), f"case {number} at {model}: {json.dumps(schema)}")
            print(f"conformance: {score['stop']} of {len(cases)} schemas matched at {model}, {score['length']} cut and said so")
            self.assertEqual(score["stop"] + score["length"], len(cases))
            self.assertGreaterEqual(score["stop"], 0.9 * len(cases))


class Bounds(unittest.TestCase):
    def test_the_listed_lengths_are_those_that_are_kept(self):
        listed = {model.id: model for model in OPENAI.models.list().data}
        for model in (MODEL, "quern-tagged"):
            entry = listed[model]
            most = entry.max_output_length
            self.assertLessEqual(most, entry.context_length)
            # The whole length, beside a prompt of a token and one of four; a model that may not end goes on to it.
            for prompt, room in (([5], most), ([5, 6, 7, 8], entry.context_length - 4)):
                request = {"model": model, "prompt": prompt, "logit_bias": {"0": -100, str(END): -100}}
                answer = OPENAI.completions.create(max_tokens=room, **request)
                self.assertEqual((answer.usage.completion_tokens, answer.choices[0].finish_reason), (room, "length"))
                with self.assertRaises(openai.BadRequestError) as caught:
                    OPENAI.completions.create(max_tokens=room + 1, **request)
                self.assertEqual(caught.exception.code, "context_length_exceeded")


if __name__ == "__main__":
    unittest.main()
