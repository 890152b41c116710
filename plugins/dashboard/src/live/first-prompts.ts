/** As long as a title may be. */
const MAX_CHARS = 200;
const MAX_SESSIONS = 10_000;

/** What sessions began with, which names those without a title: the first prompt, cut, by session. In memory only. */
export class FirstPrompts {
  /** Undefined: the session's first turn has not begun. */
  readonly #prompts = new Map<string, string | undefined>();

  begin(sessionId: string): void {
    this.#set(sessionId, undefined);
  }

  /** Only the first prompt of a session counts, and only if it was seen to begin. */
  note(sessionId: string, prompt: string): void {
    if (!this.#prompts.has(sessionId) || this.of(sessionId) !== undefined) return;
    const beginning = prompt
      .slice(0, 10 * MAX_CHARS)
      .replace(/\s+/g, " ")
      .trim();
    // Joined, it is a copy: a substring would keep the whole prompt in memory.
    const line = Array.from(beginning).slice(0, MAX_CHARS).join("");
    if (line !== "") this.#set(sessionId, line);
  }

  of(sessionId: string): string | undefined {
    return this.#prompts.get(sessionId);
  }

  #set(sessionId: string, line: string | undefined): void {
    this.#prompts.set(sessionId, line);
    const [oldest] = this.#prompts.keys();
    if (this.#prompts.size > MAX_SESSIONS && oldest !== undefined) this.#prompts.delete(oldest);
  }
}
