import { randomBytes, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { ConversationRef, HistoryBlock, HistoryMessage } from "@claudeway/ports";
import { clientToolName } from "./client-tools.js";
import { placeTranscript } from "./place-transcript.js";
import { Transcript } from "./transcript.js";

/** What the CLI calls the author of messages that none of its requests returned. */
const NO_MODEL = "<synthetic>";
const NO_USAGE = {
  input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 0,
};

/**
 * Writes a transcript as the CLI writes it (2.1.332), so that a CLI that resumes the session takes the messages as its
 * earlier turns. Rejects if there is one already, or if the file can't be written.
 */
export async function seedTranscript(
  { session, spawn }: ConversationRef,
  messages: readonly HistoryMessage[],
): Promise<void> {
  const transcript = new Transcript(session, spawn);
  const common = {
    isSidechain: false,
    userType: "external",
    entrypoint: transcript.driver,
    cwd: spawn.cwd,
    sessionId: session,
  };
  const lines: string[] = [];
  let parentUuid: string | null = null;
  for (const message of messages) {
    const uuid = randomUUID();
    const timestamp = new Date().toISOString();
    lines.push(JSON.stringify({ parentUuid, ...entryOf(message), uuid, timestamp, ...common }));
    parentUuid = uuid;
  }
  await placeTranscript(transcript, (path) =>
    writeFile(path, `${lines.join("\n")}\n`, { mode: 0o600, flag: "wx" }),
  );
}

function entryOf({ role, content }: HistoryMessage): object {
  if (role === "user") return { type: "user", promptId: randomUUID(), message: { role, content } };
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content.map(toEntryBlock);
  return {
    type: "assistant",
    message: {
      id: `msg_${randomBytes(12).toString("hex")}`,
      type: "message",
      role,
      model: NO_MODEL,
      content: blocks,
      stop_reason: blocks.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn",
      stop_sequence: null,
      usage: NO_USAGE,
    },
  };
}

function toEntryBlock(block: HistoryBlock): HistoryBlock {
  return block.type === "tool_use" ? { ...block, name: clientToolName(block.name) } : block;
}
