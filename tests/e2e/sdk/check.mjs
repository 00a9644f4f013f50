// SPDX-License-Identifier: Apache-2.0
//
// What an application does with OpenAI's SDK, against one model behind the gateway:
//
//   node check.mjs <base URL> <model> <check> [key]
//
// Prints the result as JSON; what it should be is the caller's to know (test_sdk_node.py).
import { File } from 'node:buffer';

import OpenAI, { toFile } from 'openai';

globalThis.File ??= File; // which the SDK uploads; Debian 12's Node 18 has it no other way

const [baseURL, model, check, apiKey = 'sk-any'] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 20_000 });
const ask = (text) => ({ model, messages: [{ role: 'user', content: text }] });
const tools = [{
  type: 'function',
  function: {
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}];

const checks = {
  async chat() {
    const { data, request_id } =
      await client.chat.completions.create(ask('hello there')).withResponse();
    const choice = data.choices[0];
    return {
      text: choice.message.content, finish: choice.finish_reason,
      total: data.usage.total_tokens, hasRequestId: Boolean(request_id),
    };
  },

  async stream() {
    const stream = await client.chat.completions.create(
      { ...ask('one two three'), stream: true, stream_options: { include_usage: true } });
    let text = '', finish = null, total = null, pieces = 0;
    for await (const chunk of stream) {
      const delta = chunk.choices[0]?.delta?.content ?? '';
      text += delta;
      pieces += delta === '' ? 0 : 1;
      finish = chunk.choices[0]?.finish_reason ?? finish;
      total = chunk.usage?.total_tokens ?? total;
    }
    return { text, finish, total, inPieces: pieces > 1 };
  },

  // The SDK's own loop: it calls the function, sends the result back and asks on.
  async tools() {
    const cities = [];
    const runner = client.chat.completions.runTools({
      ...ask('use tool weather Oslo Rome'),
      tools: [{
        type: 'function',
        function: {
          ...tools[0].function,
          parse: JSON.parse,
          function: ({ city }) => { cities.push(city); return `rain in ${city}`; },
        },
      }],
    });
    return { text: await runner.finalContent(), cities };
  },

  async streamedTools() {
    const runner = client.chat.completions.stream({ ...ask('use tool weather Oslo Rome'), tools });
    const message = await runner.finalMessage();
    return { arguments: message.tool_calls.map((call) => call.function.arguments) };
  },

  // Without encoding_format the SDK asks for base64 and decodes it.
  async embeddings() {
    const { data } = await client.embeddings.create({ model, input: ['abc', 'x'] });
    return { vectors: data.map((entry) => Array.from(entry.embedding)) };
  },

  async pictures() {
    const made = await client.images.generate({ model, prompt: 'a weir', n: 1 });
    const image = await toFile(Buffer.from('png'), 'a.png', { type: 'image/png' });
    const edited = await client.images.edit({ model, image: [image, image], prompt: 'blue' });
    return { made: made.data[0].b64_json, tokens: made.usage.total_tokens, edited: edited.data.length };
  },

  async sound() {
    const speech = await client.audio.speech.create({ model, voice: 'alloy', input: 'hello' });
    const bytes = Buffer.from(await speech.arrayBuffer());
    const file = await toFile(bytes, 'a.mp3', { type: 'audio/mpeg' });
    const heard = await client.audio.transcriptions.create({ file, model });
    const pieces = [];
    const stream = await client.audio.transcriptions.create({ file, model, stream: true });
    for await (const event of stream) pieces.push(event.type);
    return { bytes: bytes.length, type: speech.headers.get('content-type'), text: heard.text, pieces };
  },

  async moderation() {
    const { results } = await client.moderations.create({ model, input: 'hello' });
    return { flagged: results.map((result) => result.flagged) };
  },

  async models() {
    const ids = [];
    for await (const entry of client.models.list()) ids.push(entry.id);
    return { ids, one: (await client.models.retrieve(model)).id };
  },

  async error() {
    try {
      await client.chat.completions.create(ask('hello there'));
      return { name: 'none' };
    } catch (error) {
      return {
        name: error.constructor.name, status: error.status, code: error.code, param: error.param,
        hasRequestId: Boolean(error.requestID),
      };
    }
  },

  async brokenStream() {
    let text = '';
    try {
      const stream = await client.chat.completions.create({ ...ask('one two three'), stream: true });
      for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
      return { name: 'none', text };
    } catch (error) {
      return { name: error.constructor.name, code: error.code, text };
    }
  },

  // A retry that the gateway has already made is not made again by the SDK.
  async noRetryStorm() {
    const patient = new OpenAI({ baseURL, apiKey, maxRetries: 4 });
    try {
      await patient.chat.completions.create(ask('hello there'));
      return { name: 'none' };
    } catch (error) {
      return { name: error.constructor.name, status: error.status };
    }
  },

  async abort() {
    const stream = await client.chat.completions.create({ ...ask('one two three'), stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta?.content) break;
    }
    return { aborted: stream.controller.signal.aborted };
  },
};

console.log(JSON.stringify(await checks[check]()));
