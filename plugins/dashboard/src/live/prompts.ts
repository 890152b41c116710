import { copyOf } from "../copy.js";

/** Longer prompts are cut. */
const MAX_PROMPT_CHARS = 200_000;
const MAX_CHARS = 8_000_000;
const MAX_PROMPTS = 10_000;

/** A prompt, or its beginning. */
export interface Prompt {
  readonly text: string;
  /** Length of the whole prompt. */
  readonly chars: number;
}

/**
 * The prompts of the latest turns, by turn. The ledger does not store prompts, so only those of turns that began while
 * the dashboard was on are known. In memory only; the oldest are dropped first.
 */
export class LatestPrompts {
  readonly #prompts = new Map<string, Prompt>();
  #chars = 0;

  note(turnId: string, prompt: string): void {
    this.#forget(turnId);
    const text = prompt.length > MAX_PROMPT_CHARS ? copyOf(prompt.slice(0, MAX_PROMPT_CHARS)) : prompt;
    this.#prompts.set(turnId, { text, chars: prompt.length });
    this.#chars += text.length;
    for (const oldest of this.#prompts.keys()) {
      if (this.#chars <= MAX_CHARS && this.#prompts.size <= MAX_PROMPTS) return;
      this.#forget(oldest);
    }
  }

  of(turnId: string): Prompt | undefined {
    return this.#prompts.get(turnId);
  }

  #forget(turnId: string): void {
    this.#chars -= this.#prompts.get(turnId)?.text.length ?? 0;
    this.#prompts.delete(turnId);
  }
}
