"""The installed clients' own types say which parameters there are: each is honoured, or refused by its own name."""

import http.client
import json
import re
import typing
import unittest
from urllib.parse import urlparse

import anthropic
import stack
from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params
from test_embeddings import FOLDER, NAME

MODEL = stack.MODEL_ID
ASKED = [{"role": "user", "content": "Who built the ark?"}]
TABLE = stack.ROOT / "inference-worker/api/tests/no_parameter_of_openais_schema_is_dropped.rs"


def names(kind):
    """Parameters of a TypedDict, or of all members of a union of them."""
    members = typing.get_args(kind) or [kind]
    return set().union(*(member.__annotations__ for member in members))


CHATS = names(chat_create_params.CompletionCreateParams)
COMPLETIONS = names(completion_create_params.CompletionCreateParams)
RESPONSES = names(response_create_params.ResponseCreateParams)
EMBEDDINGS = names(embedding_create_params.EmbeddingCreateParams)
# Of the beta's parameters this one is a header, and says which of the others are sent.
MESSAGES = names(message_create_params.MessageCreateParams) | names(beta_message_create_params.MessageCreateParams) - {
    "betas"
}
COUNTS = names(message_count_tokens_params.MessageCountTokensParams)

# For each path: its parameters, and a body without any but those that must be there.
PATHS = {
    "/v1/chat/completions": (CHATS, {"model": MODEL, "messages": ASKED}),
    "/v1/completions": (COMPLETIONS, {"model": MODEL, "prompt": "And the king said"}),
    "/v1/responses": (RESPONSES, {"model": MODEL, "input": "Who built the ark?"}),
    "/v1/messages": (MESSAGES, {"model": MODEL, "messages": ASKED, "max_tokens": 4}),
    "/v1/messages/count_tokens": (COUNTS, {"model": MODEL, "messages": ASKED}),
    "/v1/embeddings": (EMBEDDINGS, {"model": NAME, "input": "Who built the ark?"}),
}


def setUpModule():
    global worker, encoder, gateway
    worker = stack.worker()
    encoder = stack.worker(FOLDER, model_id=NAME)
    gateway = stack.router([worker, encoder])


def tearDownModule():
    for server in (gateway, encoder, worker):
        assert server.stop() == 0, server.read_log()
        server.discard()


def post(server, path, body):
    connection = http.client.HTTPConnection(urlparse(server.url).netloc, timeout=stack.PATIENCE)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


class ClientTypes(unittest.TestCase):
    def test_no_parameter_of_the_clients_types_is_dropped_or_unknown(self):
        """No parameter is a list of lists: whoever reads it says so, and whoever drops it answers."""
        for path, (parameters, body) in PATHS.items():
            self.assertGreaterEqual(len(parameters), 5, path)
            for server in (gateway, encoder if path == "/v1/embeddings" else worker):
                for name in sorted(parameters):
                    with self.subTest(path=path, name=name):
                        # What is of use only beside another is sent beside it.
                        beside = {"stream": True} if name == "stream_options" else {}
                        status, answer = post(server, path, body | beside | {name: [[name]]})
                        self.assertEqual(status, 400, answer)
                        error = json.loads(answer)["error"]
                        self.assertNotIn("Unrecognized", error["message"])
                        self.assertRegex(error["message"], rf"'{name}\b")
                        if "/messages" not in path:
                            self.assertRegex(error["param"], rf"^{name}\b")
                            self.assertIn(error["code"], ("invalid_value", "unsupported_parameter"))

    def test_without_them_each_path_answers_and_what_no_client_has_is_unknown(self):
        for path, (_, body) in PATHS.items():
            status, answer = post(gateway, path, body)
            self.assertEqual(status, 200, answer)
            status, answer = post(gateway, path, body | {"wizardry": 1})
            self.assertEqual(status, 400, answer)
            self.assertIn("Unrecognized request argument supplied: wizardry", answer)

    def test_the_table_that_says_what_becomes_of_each_has_them_all(self):
        sections = re.split(r"^fn (\w+)\(\) -> Vec<Row>", TABLE.read_text(), flags=re.MULTILINE)
        rows = {
            name: set(re.findall(r'\brow\(\s*"(\w+)"', text)) for name, text in zip(sections[1::2], sections[2::2])
        }
        for section, parameters, base in (
            ("chats", CHATS, {"model", "messages"}),
            ("completions", COMPLETIONS, {"model", "prompt"}),
            ("responses", RESPONSES, {"model", "input"}),
            # How each part of a message is read has tests of its own.
            ("messages", MESSAGES, {"model", "messages", "metadata", "cache_control", "output_format"}),
        ):
            told = rows[section] | (rows["shared"] if section in ("chats", "completions") else set())
            self.assertGreater(len(told), 20, section)
            self.assertEqual(parameters - base - told, set(), section)

    def test_parameters_that_anthropics_client_sends_as_headers_are_refused_by_the_headers_name(self):
        for server in (gateway, worker):
            client = anthropic.Anthropic(base_url=server.url, api_key="unused", max_retries=0)
            ask = {"model": MODEL, "max_tokens": 4, "messages": ASKED}
            self.assertEqual(client.messages.create(**ask).type, "message")
            for name in ("user_profile_id", "workspace_id"):
                header = f"anthropic-{name.replace('_', '-')}"
                for send in (client.messages.create, client.messages.count_tokens):
                    own = ask if send == client.messages.create else {"model": MODEL, "messages": ASKED}
                    with self.assertRaisesRegex(anthropic.BadRequestError, f"'{header}'"):
                        send(**own, **{name: "x"})

    def test_values_that_ask_for_nothing_are_taken(self):
        for path, neutral in {
            "/v1/chat/completions": {"prompt_cache_options": {"mode": "implicit"}},
            "/v1/responses": {
                "prompt_cache_options": {"mode": "implicit"},
                "access_programs": {"cyber": "standard"},
                "background_options": {"completion_window": "soonest"},
                "image": {"context_compression": "auto"},
            },
            "/v1/messages": {
                "speed": "standard",
                "context_management": {"edits": []},
                "diagnostics": {"previous_message_id": None},
                "fallbacks": [],
            },
        }.items():
            status, answer = post(gateway, path, PATHS[path][1] | neutral)
            self.assertEqual(status, 200, answer)

    def test_a_choice_among_some_of_the_tools_is_kept_in_both_dialects(self):
        def named(name):
            return {"name": name, "parameters": {"type": "object", "properties": {}, "additionalProperties": False}}

        client = gateway.client()
        tools = [{"type": "function", "function": named(name)} for name in ("build", "flee", "rest")]
        only = [{"type": "function", "function": {"name": "flee"}}]
        choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": only}}
        for seed in range(4):
            answer = client.chat.completions.create(
                model=MODEL, messages=ASKED, tools=tools, tool_choice=choice, seed=seed, max_tokens=120
            )
            calls = answer.choices[0].message.tool_calls
            self.assertEqual({call.function.name for call in calls}, {"flee"})
        answer = client.responses.create(
            model=MODEL,
            input="Who built the ark?",
            tools=[{"type": "function", "strict": True} | named(name) for name in ("build", "flee", "rest")],
            tool_choice={"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "rest"}]},
            max_output_tokens=120,
        )
        self.assertEqual({item.name for item in answer.output}, {"rest"})
        self.assertEqual(answer.tool_choice.type, "allowed_tools")

    def test_a_refusal_in_the_history_reads_as_what_was_said(self):
        def counted(said):
            messages = [*ASKED, {"role": "assistant"} | said, {"role": "user", "content": "Why?"}]
            answer = gateway.client().chat.completions.create(model=MODEL, messages=messages, max_tokens=4)
            return answer.usage.prompt_tokens

        self.assertEqual(counted({"content": None, "refusal": "I cannot say."}), counted({"content": "I cannot say."}))


if __name__ == "__main__":
    unittest.main()
