import type { SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";

/** The prompt stream of a process: open until the process is to end. */
export class MessageQueue implements AsyncIterable<SDKUserMessage> {
  readonly #messages: SDKUserMessage[] = [];
  #wake: () => void = () => undefined;
  #closed = false;

  push(message: SDKUserMessage): void {
    this.#messages.push(message);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SDKUserMessage, void> {
    while (!this.#closed || this.#messages.length > 0) {
      const message = this.#messages.shift();
      if (message !== undefined) yield message;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
