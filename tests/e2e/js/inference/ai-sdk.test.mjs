// Vercel's AI SDK, with its provider for servers that speak OpenAI's dialect.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, isStepCount, Output, streamText, tool } from "ai";
import { z } from "zod";
import { base, encoder, key, model, thinker, toolsModel } from "./served.mjs";

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

test("thoughts come beside the text, whole and in pieces, and are counted", async () => {
  const request = {
    ...common, model: quern(thinker), prompt, maxOutputTokens: 40, seed: 7,
    providerOptions: { quern: { thinking_token_budget: 12 } },
  };
  const whole = await generateText(request);
  assert.ok(whole.reasoningText && whole.text);
  // Twelve tokens at most, and the mark behind them.
  const counted = whole.usage.outputTokenDetails.reasoningTokens;
  assert.ok(counted > 1 && counted <= 13, String(counted));
  const stream = streamText(request);
  const told = { "reasoning-delta": "", "text-delta": "" };
  const kinds = [];
  for await (const part of stream.fullStream) {
    if (part.type in told) told[part.type] += part.text;
    kinds.push(part.type);
  }
  assert.deepEqual(told, { "reasoning-delta": whole.reasoningText, "text-delta": whole.text });
  assert.ok(kinds.indexOf("reasoning-end") < kinds.indexOf("text-start"), String(kinds));
  assert.equal((await stream.usage).outputTokenDetails.reasoningTokens, counted);
  const silent = await generateText({ ...request, providerOptions: { quern: { reasoning_effort: "none" } } });
  assert.ok(!silent.reasoningText && silent.text);
});

test("thoughts come over Responses too", async () => {
  const openai = createOpenAI({ baseURL: base, apiKey: key });
  // With an effort this provider asks for detailed summaries unless it is told otherwise. There are none.
  const providerOptions = { openai: { store: false, reasoningEffort: "low", reasoningSummary: "auto", forceReasoning: true } };
  const request = { ...common, providerOptions, model: openai(thinker), prompt, maxOutputTokens: 40 };
  const whole = await generateText(request);
  assert.ok(whole.usage.outputTokenDetails.reasoningTokens > 0);
  const kinds = [];
  for await (const part of streamText(request).fullStream) kinds.push(part.type);
  assert.ok(!kinds.includes("error"), String(kinds));
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
