"""A coding agent's loop over a workspace, in three dialects: the calls are the model's, and so is what they do.

Which tool comes next is forced, as the model is too small to plan. What it is given and what it writes are its own.
"""

import json
import unittest

import anthropic
import openai
from served import BASE, KEY, TOOLS_MODEL, URL

PATHS = ["main.py", "notes.md", "test_main.py"]
TASK = "Make the tests pass."
PLAN = ["list_files", "read_file", "write_file", "read_file", "run_tests"]


class Workspace:
    """Files that tools work on, and a log of what they did."""

    def __init__(self):
        self.files = {"main.py": "x = 0\n", "test_main.py": "assert x\n"}
        self.log = []

    def schemas(self):
        def record(**properties):
            return {
                "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
            }

        path = {"type": "string", "enum": PATHS}
        return {
            "list_files": record(),
            "read_file": record(path=path),
            "write_file": record(path=path, text={"type": "string", "minLength": 1, "maxLength": 30}),
            "run_tests": record(verbose={"type": "boolean"}),
        }

    def call(self, name, arguments):
        """Runs a tool; arguments that its schema does not permit are an error here, not a message to the model."""
        self.log.append(name)
        return getattr(self, name)(**arguments)

    def list_files(self):
        return " ".join(sorted(self.files))

    def read_file(self, path):
        assert path in PATHS
        return self.files.get(path, "no such file")

    def write_file(self, path, text):
        assert path in PATHS and 1 <= len(text) <= 30
        self.files[path] = text
        return f"{len(text)} characters written"

    def run_tests(self, verbose):
        assert verbose in (True, False)
        return "2 passed"


class CodingAgent(unittest.TestCase):
    def setUp(self):
        self.workspace = Workspace()
        self.before = dict(self.workspace.files)

    def finished(self, ids, said):
        self.assertEqual(self.workspace.log, PLAN)
        self.assertNotEqual(self.workspace.files, self.before)
        self.assertEqual(len(set(ids)), len(PLAN))
        self.assertTrue(said)

    def test_in_streamed_chats_whose_prompts_are_found_in_the_cache(self):
        client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0, timeout=120)
        tools = [
            {"type": "function", "function": {"name": name, "parameters": schema, "strict": True}}
            for name, schema in self.workspace.schemas().items()
        ]
        history, ids, cached = [{"role": "user", "content": TASK}], [], []
        common = {
            "model": TOOLS_MODEL, "messages": history, "tools": tools, "stream_options": {"include_usage": True},
            "extra_body": {"cache_salt": "a coding agent"},
        }
        for step, name in enumerate(PLAN):
            choice = {"type": "function", "function": {"name": name}}
            with client.chat.completions.stream(tool_choice=choice, max_tokens=120, seed=step, **common) as stream:
                for _ in stream:
                    pass
                answer = stream.get_final_completion()
            message = answer.choices[0].message
            cached.append(answer.usage.prompt_tokens_details.cached_tokens)
            self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
            history.append(message.to_dict(exclude_unset=True))
            for call in message.tool_calls:
                ids.append(call.id)
                result = self.workspace.call(call.function.name, json.loads(call.function.arguments))
                history.append({"role": "tool", "tool_call_id": call.id, "content": result})
        # The client's helper takes an answer that was cut for a broken call, so the last one is read as it comes.
        words = list(client.chat.completions.create(
            tool_choice="none", max_tokens=20, seed=len(PLAN), stream=True, **common,
        ))
        cached.append(words[-1].usage.prompt_tokens_details.cached_tokens)
        self.finished(ids, "".join(chunk.choices[0].delta.content or "" for chunk in words if chunk.choices))
        self.assertEqual(cached[0], 0, cached)
        # A choice of words does not take the tools from the prompt, so that it begins as those before.
        self.assertGreater(min(cached[2:]), 0, cached)
        self.assertEqual(cached, sorted(cached))

    def test_in_responses_that_carry_the_whole_conversation(self):
        client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0, timeout=120)
        tools = [
            {"type": "function", "name": name, "parameters": schema, "strict": True}
            for name, schema in self.workspace.schemas().items()
        ]
        history, ids = [{"role": "user", "content": TASK}], []
        for name in [*PLAN, None]:
            answer = client.responses.create(
                model=TOOLS_MODEL, input=history, tools=tools, max_output_tokens=120 if name else 20, store=False,
                tool_choice={"type": "function", "name": name} if name else "none",
            )
            if name is None:
                break
            history += [item.to_dict() for item in answer.output]
            for call in answer.output:
                if call.type == "function_call":
                    ids.append(call.call_id)
                    result = self.workspace.call(call.name, json.loads(call.arguments))
                    history.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
        self.finished(ids, answer.output_text)

    def test_in_messages_as_anthropics_agents_speak(self):
        client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=120)
        tools = [
            {"name": name, "description": name, "input_schema": schema, "cache_control": {"type": "ephemeral"}}
            for name, schema in self.workspace.schemas().items()
        ]
        history, ids = [{"role": "user", "content": TASK}], []
        for name in [*PLAN, None]:
            with client.messages.stream(
                model=TOOLS_MODEL, messages=history, tools=tools, max_tokens=120 if name else 20,
                system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
                tool_choice={"type": "tool", "name": name} if name else {"type": "none"},
            ) as stream:
                answer = stream.get_final_message()
            if name is None:
                break
            self.assertEqual(answer.stop_reason, "tool_use")
            history.append({"role": "assistant", "content": answer.content})
            results = []
            for part in answer.content:
                if part.type == "tool_use":
                    ids.append(part.id)
                    result = self.workspace.call(part.name, part.input)
                    results.append({"type": "tool_result", "tool_use_id": part.id, "content": result})
            history.append({"role": "user", "content": results})
        self.finished(ids, "".join(part.text for part in answer.content))


if __name__ == "__main__":
    unittest.main()
