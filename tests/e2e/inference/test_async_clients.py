"""OpenAI's and Anthropic's asynchronous Python clients: many requests at once on one connection pool."""

import asyncio
import tempfile
import unittest

import anthropic
import openai
import pydantic
import stack

MODEL = stack.MODEL_ID
CHAT = [{"role": "user", "content": "Who built the ark?"}]
CANCELLED = 'quern_worker_requests_total{outcome="cancelled"}'


class Answer(pydantic.BaseModel):
    certain: bool


def setUpModule():
    global folder, worker, endless, gateway, key
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    worker = stack.worker()
    endless = stack.worker(stack.endless_model(folder.name), model_id="endless")
    gateway = stack.router([worker, endless], keys=keys)


def tearDownModule():
    for server in (gateway, worker, endless):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.openai = openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key=key, max_retries=0, timeout=stack.PATIENCE)
        self.anthropic = anthropic.AsyncAnthropic(
            base_url=gateway.url, api_key=key, max_retries=0, timeout=stack.PATIENCE
        )

    async def asyncTearDown(self):
        await self.openai.close()
        await self.anthropic.close()

    async def streamed(self, seed):
        text = ""
        chunks = await self.openai.chat.completions.create(
            model=MODEL, messages=CHAT, max_tokens=20, seed=seed, stream=True
        )
        async for chunk in chunks:
            text += chunk.choices[0].delta.content or ""
        return text

    async def test_streams_side_by_side_say_what_each_says_alone(self):
        alone = [await self.streamed(seed) for seed in range(6)]
        self.assertEqual(await asyncio.gather(*(self.streamed(seed) for seed in range(6))), alone)

    async def test_structured_outputs_responses_and_stream_helpers(self):
        parsed = await self.openai.chat.completions.parse(
            model=MODEL, messages=CHAT, response_format=Answer, max_tokens=60
        )
        self.assertIsInstance(parsed.choices[0].message.parsed, Answer)
        async with self.openai.responses.stream(model=MODEL, input=CHAT, max_output_tokens=12) as stream:
            kinds = [event.type async for event in stream]
        self.assertEqual(kinds[0], "response.created")
        self.assertIn(kinds[-1], ("response.completed", "response.incomplete"))

    async def test_messages_whole_and_streamed(self):
        request = {"model": MODEL, "max_tokens": 16, "messages": CHAT, "extra_body": {"seed": 4}}
        whole = await self.anthropic.messages.create(**request)
        async with self.anthropic.messages.stream(**request) as stream:
            text = "".join([piece async for piece in stream.text_stream])
        self.assertEqual(text, whole.content[0].text)

    async def test_a_task_that_is_cancelled_frees_its_place(self):
        cancelled = endless.metric(CANCELLED)
        task = asyncio.create_task(self.openai.completions.create(model="endless", prompt="And", max_tokens=30_000))
        await asyncio.to_thread(endless.wait_for_metric, "quern_worker_active_requests", 1)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(endless.wait_for_metric, CANCELLED, cancelled + 1)


if __name__ == "__main__":
    unittest.main()
