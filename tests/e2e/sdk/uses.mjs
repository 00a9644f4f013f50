// SPDX-License-Identifier: Apache-2.0
//
// What applications do with SDKs and frameworks beyond the first page of their manuals:
//
//   node uses.mjs <base URL without path> <model>
//
// Prints, as JSON, what went wrong for each check by its name (test_sdk_uses.py).
import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { FunctionCallingConfigMode, GoogleGenAI, Type } from '@google/genai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { Output, embedMany, generateObject, generateText, stepCountIs, streamObject, streamText,
  tool } from 'ai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { zodFunction, zodResponseFormat, zodResponsesFunction,
  zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { z as z4 } from 'zod/v4';

globalThis.AI_SDK_LOG_WARNINGS = false;  // they would go to the output
const [url, model] = process.argv.slice(2);
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5'
  + 'ErkJggg==';
const order = 'use tool weather Oslo Rome';
const rain = (city) => `rain in ${city}`;
const place = z.object({ city: z.string() });
const person = z.object({ name: z.string(), age: z.number().int() });
const placeSchema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const personSchema = {
  type: 'object', properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
};
const user = (content) => [{ role: 'user', content }];

const options = { apiKey: 'sk-any', maxRetries: 0 };
const openai = new OpenAI({ ...options, baseURL: `${url}/v1` });
const anthropic = new Anthropic({ ...options, baseURL: url });
const google = new GoogleGenAI({ apiKey: 'sk-any', httpOptions: { baseUrl: url } });
const ollama = new Ollama({ host: url });
const vercelOpenAi = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-any' });
const vercelAnthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: 'sk-any' });
const vercels = [vercelOpenAi.chat(model), vercelOpenAi.responses(model), vercelAnthropic(model)];
const langchain = (more) => new ChatOpenAI({
  model, ...options, configuration: { baseURL: `${url}/v1` }, ...more,
});

function must(holds, seen) {
  if (!holds) throw new Error(`saw ${JSON.stringify(seen)}`);
}
const mustHaveToldTheWeather = (text, cities = ['Oslo', 'Rome']) =>
  must(text.includes('rain in Rome') && cities.join() === 'Oslo,Rome', { text, cities });

const checks = {
  async openaiParses() {
    const format = zodResponseFormat(person, 'person');
    const answer = await openai.chat.completions.parse({
      model, messages: user('Ada'), response_format: format });
    must(answer.choices[0].message.parsed.age === 7, answer);
    const text = { format: zodTextFormat(person, 'person') };
    const response = await openai.responses.parse({ model, input: 'Ada', text });
    must(response.output_parsed.age === 7, response);
  },

  async openaiRunsTools() {
    const cities = [];
    const call = ({ city }) => { cities.push(city); return rain(city); };
    const tools = [zodFunction({ name: 'weather', parameters: place, function: call })];
    const runner = openai.chat.completions.runTools({
      model, stream: true, messages: user(order), tools });
    mustHaveToldTheWeather(await runner.finalContent(), cities);
  },

  async openaiParsesStreamedCalls() {
    const tools = [zodResponsesFunction({ name: 'weather', parameters: place })];
    const { output } = await openai.responses.stream({ model, input: order, tools }).finalResponse();
    const calls = output.filter((item) => item.type === 'function_call');
    must(calls.length === 2 && calls[0].parsed_arguments.city === 'Oslo', output);
  },

  async streamsAreLeft() {
    const asked = { model, messages: user('one two three'), stream: true };
    for await (const chunk of await openai.chat.completions.create(asked)) {
      if (chunk) break;
    }
    for await (const event of await anthropic.messages.create({ ...asked, max_tokens: 100 })) {
      if (event) break;
    }
    const lines = await ollama.chat(asked);
    try {
      for await (const line of lines) lines.abort(line);
    } catch (error) {
      must(error.name === 'AbortError', error.message);
    }
  },

  // It begins with a conversation that the server keeps, and must be told that this one doesn't.
  async anthropicRunsTools() {
    const cities = [];
    const weather = betaZodTool({
      name: 'weather', description: 'The weather', inputSchema: z4.object({ city: z4.string() }),
      run: ({ city }) => { cities.push(city); return rain(city); },
    });
    const runner = anthropic.beta.messages.toolRunner({
      model, max_tokens: 1000, messages: user(order), tools: [weather] });
    const message = await runner.runUntilDone();
    mustHaveToldTheWeather(message.content.at(-1).text, cities);
  },

  async anthropicParses() {
    const format = zodOutputFormat(z4.object({ name: z4.string(), age: z4.number().int() }));
    const message = await anthropic.messages.parse({
      model, max_tokens: 1000, messages: user('Ada'), output_config: { format } });
    must(message.parsed_output.age === 7, message);
  },

  async anthropicStreamsCalls() {
    const tools = [{ name: 'weather', input_schema: placeSchema }];
    const stream = anthropic.messages.stream({
      model, max_tokens: 1000, messages: user(order), tools });
    const message = await stream.finalMessage();
    const calls = message.content.filter((block) => block.type === 'tool_use');
    must(calls.length === 2 && message.stop_reason === 'tool_use', message);
  },

  async googleStreamsForcedCalls() {
    const weather = { name: 'weather', description: 'The weather', parameters: {
      type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ['city'] } };
    const forced = { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['weather'] };
    const stream = await google.models.generateContentStream({ model, contents: order, config: {
      tools: [{ functionDeclarations: [weather] }],
      toolConfig: { functionCallingConfig: forced },
      thinkingConfig: { thinkingBudget: 512, includeThoughts: true },
    } });
    const calls = [];
    for await (const chunk of stream) calls.push(...(chunk.functionCalls ?? []));
    must(calls.length === 2 && calls[1].args.city === 'Rome', calls);
  },

  async googleChatsOnWithAHistory() {
    const history = [{ role: 'user', parts: [{ text: 'hi' }] },
      { role: 'model', parts: [{ text: 'hello' }] }];
    const chat = google.chats.create({ model, history, config: {
      systemInstruction: 'be brief', thinkingConfig: { thinkingBudget: -1 } } });
    let text = '';
    for await (const chunk of await chat.sendMessageStream({ message: ['think', ' twice'] })) {
      text += chunk.text ?? '';
    }
    must(text.startsWith('echo'), text);
    const answer = await chat.sendMessage({ message: 'again' });
    must(answer.text.endsWith('again'), answer.text);
  },

  async googleAnswersBySchema() {
    const members = { name: { type: Type.STRING }, age: { type: Type.INTEGER } };
    const schemas = [
      { responseSchema: { type: Type.OBJECT, properties: members, propertyOrdering: ['name'] } },
      { responseJsonSchema: personSchema },
    ];
    for (const schema of schemas) {
      const config = { responseMimeType: 'application/json', ...schema };
      const { text } = await google.models.generateContent({ model, contents: 'Ada', config });
      must(JSON.parse(text).age === 7, text);
    }
  },

  async imagesAreSeen() {
    const contents = [{ role: 'user', parts: [
      { inlineData: { mimeType: 'image/png', data: pixel } }, { text: 'what' }] }];
    const { text } = await google.models.generateContent({ model, contents });
    must(text.includes('1 images'), text);
    const image = Buffer.from(pixel, 'base64');
    const messages = user([{ type: 'text', text: 'what' }, { type: 'image', image }]);
    for (const languageModel of vercels) {
      const answer = await generateText({ model: languageModel, messages, maxRetries: 0 });
      must(answer.text.includes('1 images'), answer.text);
    }
  },

  async ollamaAnswersBySchema() {
    const answer = await ollama.chat({
      model, messages: user('Ada'), format: personSchema, keep_alive: '5m',
      options: { temperature: 0, num_ctx: 4096, num_predict: 100, seed: 1, top_k: 4 } });
    must(JSON.parse(answer.message.content).age === 7, answer);
    must(answer.eval_count / answer.eval_duration > 0, answer);
    const json = await ollama.chat({ model, messages: user('Ada'), format: 'json' });
    must(json.message.content !== '', json);
  },

  async ollamaRunsToolsFromAStream() {
    const tools = [{ type: 'function', function: { name: 'weather', parameters: placeSchema } }];
    const answer = { role: 'assistant', content: '', tool_calls: [] };
    const asked = { model, messages: user(order), tools, think: true };
    for await (const { message } of await ollama.chat({ ...asked, stream: true })) {
      answer.content += message.content;
      answer.tool_calls.push(...(message.tool_calls ?? []));
    }
    const results = answer.tool_calls.map(({ function: { name, arguments: { city } } }) => (
      { role: 'tool', tool_name: name, content: rain(city) }));
    const messages = [...asked.messages, answer, ...results];
    mustHaveToldTheWeather((await ollama.chat({ ...asked, messages })).message.content);
  },

  // Its provider for Anthropic makes a forced call of it, which not every target takes.
  async vercelMakesObjects() {
    for (const languageModel of vercels.slice(0, 2)) {
      const asked = { model: languageModel, prompt: 'Ada', maxRetries: 0 };
      const { object } = await generateObject({ ...asked, schema: person });
      must(object.age === 7, object);
      const stream = streamObject({ ...asked, schema: person });
      for await (const part of stream.partialObjectStream) must(part, part);
      must((await stream.object).age === 7, 'streamObject');
      const { output } = await generateText({ ...asked, output: Output.object({ schema: person }) });
      must(output.age === 7, output);
    }
  },

  async vercelStreamsItsToolLoop() {
    for (const languageModel of vercels) {
      const cities = [];
      const execute = async ({ city }) => { cities.push(city); return rain(city); };
      const { textStream } = streamText({
        model: languageModel, prompt: order, stopWhen: stepCountIs(3), maxRetries: 0,
        tools: { weather: tool({ inputSchema: place, execute }) },
        providerOptions: { openai: { store: false } },
      });
      let text = '';
      for await (const piece of textStream) text += piece;
      mustHaveToldTheWeather(text, cities);
    }
  },

  async vercelAsksForReasoning() {
    const asked = { prompt: 'think hard', maxRetries: 0, providerOptions: {
      anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } },
      openai: { reasoningEffort: 'low', reasoningSummary: 'auto', store: false },
    } };
    for (const languageModel of vercels.slice(1)) {
      const { text } = await generateText({ ...asked, model: languageModel });
      must(text.startsWith('echo'), text);
    }
  },

  async langchainAnswersBySchema() {
    const structured = langchain().withStructuredOutput(
      person, { method: 'jsonSchema', name: 'person' });
    const answer = await structured.invoke('Ada');
    must(answer.age === 7, answer);
  },

  async langchainRunsToolsFromAStream() {
    const weather = langchainTool(({ city }) => rain(city), { name: 'weather', schema: place });
    for (const useResponsesApi of [false, true]) {
      const llm = langchain({ useResponsesApi }).bindTools([weather]);
      const question = new HumanMessage(order);
      let answer;
      for await (const chunk of await llm.stream([question])) {
        answer = answer ? answer.concat(chunk) : chunk;
      }
      const results = answer.tool_calls.map(({ id, args }) => (
        new ToolMessage({ tool_call_id: id, content: rain(args.city) })));
      const last = await llm.invoke([question, answer, ...results]);
      mustHaveToldTheWeather(last.text);
    }
  },

  async frameworksEmbed() {
    const llm = new OpenAIEmbeddings({ model, ...options, configuration: { baseURL: `${url}/v1` } });
    const vectors = await llm.embedDocuments(['abc', 'x']);
    must(vectors.length === 2, vectors);
    const { embeddings } = await embedMany({
      model: vercelOpenAi.textEmbeddingModel(model), values: ['abc', 'x'], maxRetries: 0 });
    must(embeddings.length === 2, embeddings);
  },
};

const wrong = {};
for (const [name, run] of Object.entries(checks)) {
  try {
    await run();
  } catch (error) {
    wrong[name] = `${error.constructor.name}: ${error.message}`;
  }
}
process.stdout.write(JSON.stringify(wrong));
