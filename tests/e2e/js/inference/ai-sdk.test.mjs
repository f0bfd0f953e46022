// Vercel's AI SDK, with its provider for servers that speak OpenAI's dialect.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, isStepCount, Output, streamText, tool } from "ai";
import { z } from "zod";
import { base, encoder, key, model, toolsModel } from "./served.mjs";

const quern = createOpenAICompatible({
  name: "quern", baseURL: base, apiKey: key, includeUsage: true, supportsStructuredOutputs: true,
});
const prompt = "Who built the ark?";
const common = { maxRetries: 0, abortSignal: AbortSignal.timeout(60_000) };
const Builder = z.object({ name: z.enum(["Noah", "Jonah"]), years: z.number().int().min(1).max(969) });

test("generateText and streamText say the same", async () => {
  const request = { ...common, model: quern(model), prompt, maxOutputTokens: 24, seed: 2 };
  const whole = await generateText(request);
  assert.ok(whole.text);
  assert.ok(["stop", "length"].includes(whole.finishReason));
  const stream = streamText(request);
  let text = "";
  for await (const piece of stream.textStream) text += piece;
  assert.equal(text, whole.text);
  assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens);
});

test("objects match their Zod schema, whole and in pieces", async () => {
  const request = {
    ...common, model: quern(model), prompt, maxOutputTokens: 150, output: Output.object({ schema: Builder }),
  };
  for (let seed = 0; seed < 3; seed++) Builder.parse((await generateText({ ...request, seed })).output);
  const stream = streamText({ ...request, seed: 1 });
  let pieces = 0;
  for await (const _ of stream.partialOutputStream) pieces += 1;
  assert.ok(pieces > 0);
  Builder.parse(await stream.output);
});

const looked = [];
const tools = {
  look: tool({
    description: "Looks at a city.",
    inputSchema: z.object({ city: z.enum(["Ur", "Tyre"]) }),
    execute: async ({ city }) => {
      looked.push(city);
      return `${city} lies in ruins.`;
    },
  }),
  count: tool({
    description: "Counts beasts.",
    inputSchema: z.object({ kind: z.enum(["ox", "raven"]), most: z.number().int().min(1).max(9) }),
    execute: async ({ kind, most }) => {
      looked.push(kind);
      return { kind, count: Math.min(most, 2) };
    },
  }),
};
// The model is too small to choose by itself when to call.
const steps = {
  tools,
  stopWhen: isStepCount(5),
  prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber < 2 ? "required" : "none" }),
  providerOptions: { quern: { parallel_tool_calls: false } },
};

test("an agent's loop takes two steps with tools and one with words", async () => {
  looked.length = 0;
  const done = await generateText({ ...common, ...steps, model: quern(toolsModel), prompt, maxOutputTokens: 120 });
  assert.equal(done.steps.length, 3);
  assert.deepEqual(done.steps.map((step) => step.toolCalls.length), [1, 1, 0]);
  assert.deepEqual(done.steps.map((step) => step.toolResults.length), [1, 1, 0]);
  assert.equal(done.steps[0].finishReason, "tool-calls");
  assert.equal(looked.length, 2);
  assert.ok(done.text);
});

test("tools and an object go together: calls first, the object last", async () => {
  looked.length = 0;
  const request = {
    ...common, ...steps, model: quern(toolsModel), prompt, maxOutputTokens: 150, output: Output.object({ schema: Builder }),
    // From the second step on the model may do either.
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber < 1 ? "required" : stepNumber < 4 ? "auto" : "none" }),
  };
  const done = await generateText(request);
  Builder.parse(done.output);
  assert.equal(done.steps[0].toolCalls.length, 1);
  assert.ok(looked.length >= 1);
  const stream = streamText(request);
  Builder.parse(await stream.output);
});

test("the same loop streams", async () => {
  looked.length = 0;
  const stream = streamText({ ...common, ...steps, model: quern(toolsModel), prompt, maxOutputTokens: 120 });
  const kinds = [];
  for await (const part of stream.fullStream) kinds.push(part.type);
  assert.ok(!kinds.includes("error"), String(kinds));
  assert.equal(kinds.filter((kind) => kind === "tool-call").length, 2);
  assert.equal(kinds.filter((kind) => kind === "tool-result").length, 2);
  assert.ok(kinds.includes("text-delta"));
  assert.equal(looked.length, 2);
});

test("the provider for OpenAI does the same over Responses, as long as nothing is to be stored", async () => {
  looked.length = 0;
  const openai = createOpenAI({ baseURL: base, apiKey: key });
  const providerOptions = { openai: { store: false, parallelToolCalls: false } };
  const request = { ...common, ...steps, providerOptions, model: openai(toolsModel), prompt, maxOutputTokens: 120 };
  const done = await generateText(request);
  assert.deepEqual(done.steps.map((step) => step.toolResults.length), [1, 1, 0]);
  assert.ok(done.text);
  const stream = streamText(request);
  const kinds = [];
  for await (const part of stream.fullStream) kinds.push(part.type);
  assert.ok(!kinds.includes("error"), String(kinds));
  assert.equal(looked.length, 4);
  const shaped = { ...common, providerOptions, model: openai(model), prompt, maxOutputTokens: 150 };
  Builder.parse((await generateText({ ...shaped, output: Output.object({ schema: Builder }) })).output);
});

test("embedMany keeps the order", async () => {
  const values = ["a whale", "a fish", "a king"];
  const { embeddings } = await embedMany({ ...common, model: quern.embeddingModel(encoder), values });
  const again = await embedMany({ ...common, model: quern.embeddingModel(encoder), values: values.slice(2) });
  assert.equal(embeddings.length, 3);
  embeddings[2].forEach((number, index) => assert.ok(Math.abs(number - again.embeddings[0][index]) < 1e-5));
});

test("a refusal is an error with the server's words", async () => {
  const request = generateText({ ...common, model: quern("no-such-model"), prompt });
  await assert.rejects(request, (error) => error.statusCode === 404 && error.message.includes("no-such-model"));
});
