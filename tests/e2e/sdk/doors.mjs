// SPDX-License-Identifier: Apache-2.0
//
// What applications do with the other dialects' own SDKs and with frameworks above them, against one
// model behind the gateway:
//
//   node doors.mjs <base URL without path> <model> <check>
//
// Prints the result as JSON; what it should be is the caller's to know (test_sdk_doors.py).
import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { GoogleGenAI } from '@google/genai';
import { tool as langchainTool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { Ollama } from 'ollama';
import OpenAI, { AzureOpenAI } from 'openai';
import { z } from 'zod';

globalThis.AI_SDK_LOG_WARNINGS = false;  // they would go to the output
const [url, model, check] = process.argv.slice(2);
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const order = 'use tool weather Oslo Rome';
const rain = (place) => `rain in ${place}`;

const anthropic = new Anthropic({ baseURL: url, apiKey: 'sk-any', maxRetries: 0, timeout: 20_000 });
const anthropicAsk = (text) => ({
  model, max_tokens: 1000, messages: [{ role: 'user', content: text }],
});
const anthropicText = (message) =>
  message.content.filter((block) => block.type === 'text').map((block) => block.text).join('');

const openai = new OpenAI({
  baseURL: `${url}/v1`, apiKey: 'sk-any', maxRetries: 0, timeout: 20_000,
});
const responsesTools = [{ type: 'function', name: 'weather', parameters: city, strict: false }];

const azure = new AzureOpenAI({
  endpoint: url, apiKey: 'sk-any', apiVersion: '2024-10-21', deployment: model, maxRetries: 0,
});

const google = new GoogleGenAI({ apiKey: 'sk-any', httpOptions: { baseUrl: url } });
const googleTools = [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: city }] }];

const ollama = new Ollama({ host: url });
const ollamaAsk = (content) => ({ model, messages: [{ role: 'user', content }] });
const ollamaTools = [{ type: 'function', function: { name: 'weather', parameters: city } }];

const vercelTools = (cities) => ({
  weather: tool({
    description: 'The weather of a city',
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city: place }) => { cities.push(place); return rain(place); },
  }),
});

async function vercelLoop(languageModel, providerOptions = {}) {
  const cities = [];
  const { text, totalUsage } = await generateText({
    model: languageModel, prompt: order, tools: vercelTools(cities), stopWhen: stepCountIs(3),
    maxRetries: 0, providerOptions,
  });
  return { text, cities, input: totalUsage.inputTokens };
}

async function vercelStream(languageModel) {
  const result = streamText({ model: languageModel, prompt: 'one two three', maxRetries: 0 });
  let text = '', pieces = 0;
  for await (const piece of result.textStream) {
    text += piece;
    pieces += 1;
  }
  return { text, inPieces: pieces > 1, finish: await result.finishReason };
}

const vercelOpenAi = () => createOpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-any' });
const vercelAnthropic = () => createAnthropic({ baseURL: `${url}/v1`, apiKey: 'sk-any' });

const checks = {
  async anthropicChat() {
    const message = await anthropic.messages.create(anthropicAsk('hello there'));
    return {
      text: anthropicText(message), stop: message.stop_reason,
      output: message.usage.output_tokens, hasRequestId: Boolean(message._request_id),
    };
  },

  async anthropicStream() {
    const stream = anthropic.messages.stream(anthropicAsk('one two three'));
    let pieces = 0;
    stream.on('text', () => { pieces += 1; });
    const message = await stream.finalMessage();
    return { text: anthropicText(message), stop: message.stop_reason, inPieces: pieces > 1 };
  },

  async anthropicTools() {
    const tools = [{ name: 'weather', input_schema: city }];
    const asked = { ...anthropicAsk(order), tools };
    const first = await anthropic.messages.stream(asked).finalMessage();
    const calls = first.content.filter((block) => block.type === 'tool_use');
    const results = calls.map((call) => (
      { type: 'tool_result', tool_use_id: call.id, content: rain(call.input.city) }));
    const messages = [
      ...asked.messages, { role: 'assistant', content: first.content },
      { role: 'user', content: results },
    ];
    const second = await anthropic.messages.create({ ...asked, messages });
    return { stop: first.stop_reason, text: anthropicText(second) };
  },

  async anthropicCount() {
    const { model: name, messages } = anthropicAsk('how many tokens are these words');
    return (await anthropic.messages.countTokens({ model: name, messages })).input_tokens;
  },

  async anthropicModels() {
    const names = [];
    for await (const entry of anthropic.models.list()) names.push([entry.type, entry.id]);
    return names;
  },

  async anthropicError() {
    try {
      await anthropic.messages.create({ ...anthropicAsk('hello'), model: 'no-such-model' });
    } catch (error) {
      return { name: error.constructor.name, status: error.status, type: error.error.error.type };
    }
    return null;
  },

  async geminiChat() {
    const answer = await google.models.generateContent({ model, contents: 'hello there' });
    return {
      text: answer.text, finish: answer.candidates[0].finishReason,
      total: answer.usageMetadata.totalTokenCount,
    };
  },

  async geminiStream() {
    const stream = await google.models.generateContentStream({ model, contents: 'one two three' });
    let text = '', pieces = 0, finish = null;
    for await (const chunk of stream) {
      text += chunk.text ?? '';
      pieces += chunk.text ? 1 : 0;
      finish = chunk.candidates?.[0]?.finishReason ?? finish;
    }
    return { text, finish, inPieces: pieces > 1 };
  },

  async geminiTools() {
    const chat = google.chats.create({ model, config: { tools: googleTools } });
    const first = await chat.sendMessage({ message: order });
    const message = first.functionCalls.map(({ id, name, args }) => (
      { functionResponse: { id, name, response: { output: rain(args.city) } } }));
    return { text: (await chat.sendMessage({ message })).text };
  },

  async geminiEmbed() {
    const answer = await google.models.embedContent({ model, contents: ['abc', 'x'] });
    return answer.embeddings.map(({ values }) => values);
  },

  async geminiCount() {
    const contents = 'how many tokens are these words';
    return (await google.models.countTokens({ model, contents })).totalTokens;
  },

  async ollamaChat() {
    const answer = await ollama.chat(ollamaAsk('hello there'));
    return { text: answer.message.content, done: answer.done_reason, output: answer.eval_count };
  },

  async ollamaStream() {
    let text = '', pieces = 0, done = null;
    for await (const part of await ollama.chat({ ...ollamaAsk('one two three'), stream: true })) {
      text += part.message.content;
      pieces += part.message.content ? 1 : 0;
      done = part.done_reason ?? done;
    }
    return { text, done, inPieces: pieces > 1 };
  },

  async ollamaTools() {
    const asked = { ...ollamaAsk(order), tools: ollamaTools };
    const { message } = await ollama.chat(asked);
    const results = message.tool_calls.map((call) => ({
      role: 'tool', tool_name: call.function.name, content: rain(call.function.arguments.city),
    }));
    const messages = [...asked.messages, message, ...results];
    return { text: (await ollama.chat({ ...asked, messages })).message.content };
  },

  async ollamaGenerate() {
    return (await ollama.generate({ model, prompt: 'hello there' })).response;
  },

  async ollamaEmbed() {
    return (await ollama.embed({ model, input: ['abc', 'x'] })).embeddings;
  },

  async ollamaList() {
    return (await ollama.list()).models.map(({ name }) => name);
  },

  async responsesAnswer() {
    const answer = await openai.responses.create({ model, input: 'hello there' });
    const { status, usage, output_text: text } = answer;
    return { text, status, output: usage.output_tokens };
  },

  async responsesStream() {
    const stream = openai.responses.stream({ model, input: 'one two three' });
    let text = '', pieces = 0;
    for await (const event of stream) {
      if (event.type !== 'response.output_text.delta') continue;
      text += event.delta;
      pieces += 1;
    }
    const final = await stream.finalResponse();
    return { text, same: final.output_text === text, inPieces: pieces > 1 };
  },

  async responsesTools() {
    const asked = { model, tools: responsesTools };
    const first = await openai.responses.create({ ...asked, input: order });
    const results = first.output.filter((item) => item.type === 'function_call').map((call) => ({
      type: 'function_call_output', call_id: call.call_id,
      output: rain(JSON.parse(call.arguments).city),
    }));
    const second = await openai.responses.create({
      ...asked, input: results, previous_response_id: first.id,
    });
    return { text: second.output_text };
  },

  async azureChat() {
    const messages = [{ role: 'user', content: 'hello there' }];
    const whole = await azure.chat.completions.create({ messages });
    let streamed = '';
    for await (const chunk of await azure.chat.completions.create({ messages, stream: true })) {
      streamed += chunk.choices[0]?.delta?.content ?? '';
    }
    return { text: whole.choices[0].message.content, streamed };
  },

  async azureEmbed() {
    const answer = await azure.embeddings.create({ model, input: ['abc', 'x'] });
    return answer.data.map(({ embedding }) => embedding);
  },

  // Vercel's provider for OpenAI speaks the Responses API unless told otherwise.
  vercelResponses: () =>
    vercelLoop(vercelOpenAi().responses(model), { openai: { store: false } }),
  vercelResponsesStream: () => vercelStream(vercelOpenAi().responses(model)),
  vercelChat: () => vercelLoop(vercelOpenAi().chat(model)),
  vercelAnthropic: () => vercelLoop(vercelAnthropic()(model)),
  vercelAnthropicStream: () => vercelStream(vercelAnthropic()(model)),

  async langchainStream() {
    const llm = new ChatOpenAI({
      model, apiKey: 'sk-any', maxRetries: 0, configuration: { baseURL: `${url}/v1` },
    });
    let text = '', pieces = 0;
    for await (const chunk of await llm.stream('one two three')) {
      text += chunk.content;
      pieces += chunk.content ? 1 : 0;
    }
    return { text, inPieces: pieces > 1 };
  },

  async langchain() {
    const cities = [];
    const weather = langchainTool(
      ({ city: place }) => { cities.push(place); return rain(place); },
      { name: 'weather', description: 'The weather', schema: z.object({ city: z.string() }) });
    const llm = new ChatOpenAI({
      model, apiKey: 'sk-any', maxRetries: 0, configuration: { baseURL: `${url}/v1` },
    }).bindTools([weather]);
    const messages = [{ role: 'user', content: order }];
    const first = await llm.invoke(messages);
    const results = [];
    for (const call of first.tool_calls) results.push(await weather.invoke(call));
    const second = await llm.invoke([...messages, first, ...results]);
    return { text: second.content, cities };
  },
};

process.stdout.write(JSON.stringify(await checks[check]()));
