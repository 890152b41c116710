import type { Conversation } from "./conversation.js";
import { isObject } from "./json.js";
import { sampleOf } from "./sample.js";

/** The answer to a request of the CLI itself, outside the caller's turn. */
export interface SideAnswer {
  readonly kind: "title" | "structured" | "summary";
  readonly text: string;
}

/**
 * The CLI (2.1.330) asks for a session's title at the start of each turn, unless nonessential traffic is switched
 * off: no tools, a JSON schema with `title`. Compaction asks for plain text with a `<summary>`.
 */
export function answerTo(conversation: Conversation): SideAnswer | undefined {
  const { prompt, schema, tools, earlier } = conversation;
  if (schema !== undefined && tools.length === 0) {
    const title = titleOf(prompt);
    const kind = isObject(schema["properties"]) && "title" in schema["properties"] ? "title" : "structured";
    return { kind, text: JSON.stringify(sampleOf(schema, title)) };
  }
  if (/^CRITICAL: Respond with TEXT ONLY\./.test(prompt)) {
    const asked = `The caller asked, in this order: ${JSON.stringify(earlier)}`;
    return {
      kind: "summary",
      text: `<analysis>A script has nothing to analyse.</analysis>\n<summary>${asked}</summary>`,
    };
  }
  return undefined;
}

function titleOf(prompt: string): string {
  const from = prompt.indexOf("<session>");
  const to = from === -1 ? -1 : prompt.indexOf("</session>", from);
  const session = to === -1 ? prompt : prompt.slice(from + "<session>".length, to).trim();
  return `Demo: ${session.replace(/\s+/g, " ").slice(0, 40).trim()}`;
}
