import type { MessageBlock, StreamedToolCall } from "@claudeway/schemas";
import { recordOf, type TranscriptEntry } from "./transcript-entries.js";

/** A longer text is cut, in characters. */
const MAX_TEXT = 65_536;
/** The same for a text in the input of a tool call. */
const MAX_INPUT_TEXT = 16_384;
/** A larger input is left out, as JSON, in characters. */
const MAX_INPUT = 262_144;
/** Levels of a tool's input that are looked through for long texts. */
const MAX_DEPTH = 50;

interface BlockOfCall {
  readonly id?: unknown;
  readonly name?: unknown;
  readonly input?: unknown;
}

/** The parts of a message as clients read them, each bounded. */
export function blocksOf({ content }: Pick<TranscriptEntry, "content">): MessageBlock[] {
  if (typeof content === "string") return [{ type: "text", ...cutText(content) }];
  return content.flatMap((block) => blockOf(block) ?? []);
}

function blockOf(block: Record<string, unknown>): MessageBlock | undefined {
  const { type } = block;
  if (type === "text" && typeof block["text"] === "string") return { type, ...cutText(block["text"]) };
  if (type === "thinking") return { type, ...cutText(String(block["thinking"] ?? "")) };
  if (type === "redacted_thinking") return { type: "thinking", text: "" };
  if (type === "image" || type === "document") return { type, media_type: mediaTypeOf(block) };
  if (type === "tool_use") return { type, ...callOf(block) };
  return type === "tool_result" ? resultOf(block) : undefined;
}

/** A tool call of a message, with long texts of its input cut. */
export function callOf({ id, name, input }: BlockOfCall): StreamedToolCall {
  const cutting = { cut: false };
  const short = recordOf(shortened(input, cutting, 0)) ?? {};
  const isTooLarge = JSON.stringify(short).length > MAX_INPUT;
  return {
    id: String(id),
    name: String(name),
    input: isTooLarge ? {} : short,
    ...((cutting.cut || isTooLarge) && { cut: true }),
  };
}

function resultOf({ tool_use_id, is_error, content }: Record<string, unknown>): MessageBlock {
  const text = textOfResult(content);
  return { type: "tool_result", tool_use_id: String(tool_use_id), ok: is_error !== true, ...cutText(text) };
}

/** The text of a tool's result; other parts are named in brackets. */
export function textOfResult(content: unknown): string {
  const parts = Array.isArray(content) ? content : [{ type: "text", text: content ?? "" }];
  return parts.map((part) => textOf(recordOf(part) ?? {})).join("\n");
}

function textOf({ type, text }: Record<string, unknown>): string {
  return type === "text" ? String(text) : `[${String(type)}]`;
}

function mediaTypeOf(block: Record<string, unknown>): string | null {
  const mediaType = recordOf(block["source"])?.["media_type"];
  return typeof mediaType === "string" ? mediaType : null;
}

function cutText(text: string): { text: string; length?: number } {
  return text.length <= MAX_TEXT ? { text } : { text: text.slice(0, MAX_TEXT), length: text.length };
}

/** A value with its long texts cut. */
function shortened(value: unknown, cutting: { cut: boolean }, depth: number): unknown {
  if (typeof value === "string" && value.length > MAX_INPUT_TEXT) {
    cutting.cut = true;
    return value.slice(0, MAX_INPUT_TEXT);
  }
  if (typeof value !== "object" || value === null) return value;
  if (depth === MAX_DEPTH) {
    cutting.cut = true;
    return null;
  }
  if (Array.isArray(value)) return value.map((item) => shortened(item, cutting, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, shortened(item, cutting, depth + 1)]),
  );
}
