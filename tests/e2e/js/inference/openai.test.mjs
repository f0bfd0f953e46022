// OpenAI's client for Node.js.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { base, encoder, key, model, toolsModel } from "./served.mjs";

const client = new OpenAI({ baseURL: base, apiKey: key, maxRetries: 0, timeout: 60_000 });
const messages = [{ role: "user", content: "Who built the ark?" }];
const Builder = z.object({
  name: z.enum(["Noah", "Jonah"]),
  years: z.number().int().min(1).max(969),
  wife: z.boolean().nullable(),
});
const Look = z.object({ city: z.enum(["Ur", "Tyre"]), days: z.number().int().min(1).max(9) });

test("a chat comes whole and in pieces, with usage", async () => {
  const request = { model, messages, max_tokens: 24, seed: 2 };
  const whole = await client.chat.completions.create(request);
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
  const stream = await client.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.deepEqual(usage.completion_tokens, whole.usage.completion_tokens);
});

test("the client's own stream helper hears the text and may hang up", async () => {
  const stream = client.chat.completions.stream({ model, messages, max_tokens: 24, seed: 2 });
  let heard = "";
  stream.on("content", (delta) => (heard += delta));
  const completion = await stream.finalChatCompletion();
  assert.equal(completion.choices[0].message.content, heard);
  const long = await client.chat.completions.create({ model, messages, max_tokens: 400, stream: true });
  for await (const _ of long) break;
  const after = await client.chat.completions.create({ model, messages, max_tokens: 2 });
  assert.ok(after.choices[0].finish_reason);
});

test("completions and embeddings", async () => {
  // One sample in many ends at once.
  const ask = (seed) => client.completions.create({ model, prompt: "In the beginning", max_tokens: 8, seed });
  const answers = await Promise.all([1, 2, 3, 4].map(ask));
  assert.ok(answers.some((answer) => answer.choices[0].text));
  // The client asks for base64 and decodes it.
  const { data } = await client.embeddings.create({ model: encoder, input: ["a whale", "a fish"] });
  const plain = await client.embeddings.create({ model: encoder, input: "a fish", encoding_format: "float" });
  assert.equal(data[1].embedding.length, 384);
  data[1].embedding.forEach((number, index) => assert.ok(Math.abs(number - plain.data[0].embedding[index]) < 1e-5));
});

test("structured outputs by Zod are parsed, and one that is cut is an error", async () => {
  for (let seed = 0; seed < 4; seed++) {
    const answer = await client.chat.completions.parse({
      model, messages, seed, max_tokens: 150, response_format: zodResponseFormat(Builder, "builder"),
    });
    Builder.parse(answer.choices[0].message.parsed);
  }
  const cut = { model, messages, max_tokens: 3, response_format: zodResponseFormat(Builder, "builder") };
  await assert.rejects(client.chat.completions.parse(cut), OpenAI.LengthFinishReasonError);
});

test("forced calls by Zod are parsed, whole and streamed", async () => {
  const request = {
    model, messages, seed: 4, max_tokens: 150, tool_choice: "required", parallel_tool_calls: false,
    tools: [zodFunction({ name: "look", parameters: Look })],
  };
  const whole = await client.chat.completions.parse(request);
  const streamed = await client.chat.completions.stream(request).finalChatCompletion();
  for (const answer of [whole, streamed]) {
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
    Look.parse(answer.choices[0].message.tool_calls[0].function.parsed_arguments);
  }
});

test("runTools goes round until the model has an answer", async () => {
  const asked = [];
  const tool = zodFunction({
    name: "look",
    parameters: Look,
    function: (look) => {
      asked.push(Look.parse(look));
      return "It lies in ruins.";
    },
  });
  // A named tool is called once; this client then lets the model end.
  const runner = client.chat.completions.runTools({
    model: toolsModel, messages, max_tokens: 150, seed: 9, tools: [tool],
    tool_choice: { type: "function", function: { name: "look" } },
  });
  await runner.done();
  assert.equal(asked.length, 1);
  assert.deepEqual(runner.messages.map((message) => message.role), ["user", "assistant", "tool"]);
});

test("responses: text, stream, structured outputs and a round with a tool", async () => {
  const request = { model, input: "Who built the ark?", max_output_tokens: 20 };
  const answer = await client.responses.create(request);
  assert.ok(answer.output_text);
  let text = "";
  let last = null;
  for await (const event of await client.responses.create({ ...request, stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event;
  }
  assert.equal(last.response.output[0].content[0].text, text);
  const parsed = await client.responses.parse({
    ...request, max_output_tokens: 150, text: { format: zodTextFormat(Builder, "builder") },
  });
  Builder.parse(parsed.output_parsed);

  const tools = [zodResponsesFunction({ name: "look", parameters: Look })];
  const input = [{ role: "user", content: "Go and look." }];
  const first = await client.responses.parse({
    model: toolsModel, input, tools, tool_choice: "required", parallel_tool_calls: false, max_output_tokens: 150,
  });
  const call = first.output.find((item) => item.type === "function_call");
  Look.parse(call.parsed_arguments);
  const { parsed_arguments: _, ...item } = call;
  input.push(item, { type: "function_call_output", call_id: call.call_id, output: "Ruins." });
  const second = await client.responses.create({ model: toolsModel, input, tools, tool_choice: "none", max_output_tokens: 12 });
  assert.ok(second.output_text);
});

test("errors are of their kind and name the parameter", async () => {
  await assert.rejects(client.chat.completions.create({ model, messages, temperature: 9 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "temperature");
    assert.ok(error.requestID);
    return true;
  });
  await assert.rejects(client.chat.completions.create({ model: "none", messages }), OpenAI.NotFoundError);
  const stranger = new OpenAI({ baseURL: base, apiKey: "qk-wrong", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

test("models are listed and found", async () => {
  const ids = [];
  for await (const entry of client.models.list()) ids.push(entry.id);
  assert.ok(ids.includes(model) && ids.includes(encoder));
  assert.equal((await client.models.retrieve(model)).id, model);
});
