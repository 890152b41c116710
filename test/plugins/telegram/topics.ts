import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import type { BotApiServer } from "./bot-api.js";

/**
 * Writes into many topics at once, without waiting for answers. Each message must be answered in order, in a session that
 * remembers all earlier messages of its topic and nothing else.
 */
export async function talkInTopics(
  api: BotApiServer,
  { topics, messages }: { readonly topics: number; readonly messages: number },
): Promise<void> {
  const threads = Array.from({ length: topics }, (_, index) => 10 + index);
  for (let n = 0; n < messages; n++)
    for (const thread of threads) api.write(`[[recall]] [[say t${thread}-m${n}.]]`, { thread });
  for (const thread of threads) {
    const texts = await eventually(
      `the answers in topic ${thread}`,
      () => {
        const all = api.texts(thread);
        return all.length >= messages && all.every(isWhole) && all;
      },
      240_000,
    );
    expect(texts).to.have.length(messages);
    for (const [n, text] of texts.entries()) {
      expect(text).to.contain(`t${thread}-m${n}.`);
      if (n > 0) expect(text).to.contain(`I remember ${n} earlier prompt`);
      for (const other of threads.filter((one) => one !== thread)) expect(text).not.to.contain(`t${other}-`);
    }
  }
}

/** An answer grows in the chat: its own text comes after those that it remembers. */
function isWhole(text: string): boolean {
  const [, remembered = "0"] = /I remember (\d+) earlier/.exec(text) ?? [];
  return text.includes(`-m${remembered}.`);
}
