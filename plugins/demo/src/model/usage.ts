import type { Conversation } from "./conversation.js";
import type { Move } from "./script.js";

/** Tokens as the Messages API names them (https://docs.anthropic.com/en/api/messages, `usage`). */
export interface Tokens {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation_input_tokens: number;
}

export const NO_TOKENS: Tokens = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

export function addTokens(a: Tokens, b: Tokens): Tokens {
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    cache_read_input_tokens: a.cache_read_input_tokens + b.cache_read_input_tokens,
    cache_creation_input_tokens: a.cache_creation_input_tokens + b.cache_creation_input_tokens,
  };
}

/**
 * The made-up usage of a message. It is the same for the same conversation, and different in each field: input 3 + a quarter
 * of the prompt's UTF-16 units (rounded up) + 11 per tool result since the prompt; cache read 1000 per earlier message of the
 * model; cache creation 100 + 10 per earlier prompt; output: see `countOutput`.
 */
export function countUsage(conversation: Conversation, moves: readonly Move[]): Tokens {
  const { prompt, results, answers, earlier } = conversation;
  return {
    input_tokens: 3 + Math.ceil(prompt.length / 4) + 11 * results.length,
    output_tokens: countOutput(moves),
    cache_read_input_tokens: 1000 * answers,
    cache_creation_input_tokens: 100 + 10 * earlier.length,
  };
}

/** One token per word of text and thought, 20 per tool call, and at least one. */
function countOutput(moves: readonly Move[]): number {
  let tokens = 0;
  for (const move of moves) {
    if (move.kind === "text" || move.kind === "thinking") tokens += countWords(move.text);
    else if (move.kind === "calls") tokens += 20 * move.calls.length;
  }
  return Math.max(1, tokens);
}

/** Runs of anything but white space. */
export function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}
