import type { DealtUsage, ScriptedModel, Tokens as WireTokens } from "@claudeway/plugin-demo/model";
import type { Tokens } from "@claudeway/schemas";
import { addTokens, NO_TOKENS } from "./ledger-file.js";

/** What the model dealt to a session, by its CLI's own header. */
export function dealtTo(model: ScriptedModel, sessionId: string): DealtUsage[] {
  return model.dealt().filter((usage) => usage.sessionId === sessionId);
}

export function sumOfDealt(usages: readonly DealtUsage[]): Tokens {
  return usages.reduce((sum, { dealt }) => addTokens(sum, toTokens(dealt)), NO_TOKENS);
}

export function sumOfDelivered(usages: readonly DealtUsage[]): Tokens {
  return usages.reduce((sum, { delivered }) => addTokens(sum, toTokens(delivered)), NO_TOKENS);
}

export function toTokens(wire: WireTokens): Tokens {
  return {
    input: wire.input_tokens,
    output: wire.output_tokens,
    cache_read: wire.cache_read_input_tokens,
    cache_write: wire.cache_creation_input_tokens,
  };
}

/** USD a million tokens, of the model that `sonnet` names in the CLI that comes with the Agent SDK. */
const SONNET = { input: 2, output: 10, cache_read: 0.1, cache_write: 2.5 };

export function priceOf(tokens: Tokens): number {
  const { input, output, cache_read, cache_write } = tokens;
  const micro =
    input * SONNET.input +
    output * SONNET.output +
    cache_read * SONNET.cache_read +
    cache_write * SONNET.cache_write;
  return micro / 1e6;
}
