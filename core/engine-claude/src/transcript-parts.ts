import { isAbsolute, relative, sep } from "node:path";
import type { TranscriptPart } from "@claudeway/ports";
import { isObject } from "@claudeway/schemas";

/** Longer parts are split, in characters; one line may be longer. */
const MAX_PART_CHARS = 1024 * 1024;
const CONVERSATION = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A file below the folder of a conversation, without its `.jsonl`. */
const SUBPATH = /^[A-Za-z0-9_-][\w.-]*(?:\/[A-Za-z0-9_-][\w.-]*){1,7}$/;

/** Which file of which conversation; see `TranscriptPart`. */
export type TranscriptFile = Pick<TranscriptPart, "conversation" | "subpath">;

/** The place of a transcript. */
export interface TranscriptPlace {
  readonly path: string;
  /** The environment of its CLI. */
  readonly env: NodeJS.ProcessEnv;
}

/** Begins lines that the CLI writes for its own use and does not mirror. */
const OWN_LINES = '{"type":"api-request';
/** Begins a line that stands for a subagent's `.meta.json`. */
const METADATA = '{"type":"agent_metadata",';

/**
 * The file that a CLI names as `…/projects/<folder>/<conversation>[/<subpath>].jsonl`; undefined for any other path. The CLI
 * may see its folder under another name than the gateway.
 */
export function fileNamed(path: string): TranscriptFile | undefined {
  if (!path.endsWith(".jsonl")) return undefined;
  const names = path.slice(0, -".jsonl".length).split(sep);
  const [conversation = "", ...below] = names.slice(names.lastIndexOf("projects") + 2);
  if (!CONVERSATION.test(conversation)) return undefined;
  const subpath = below.join("/");
  return subpath === "" || isSubpath(subpath) ? { conversation, subpath } : undefined;
}

/** Whether a file with this name may be written below a conversation's folder. */
export function isSubpath(subpath: string): boolean {
  return SUBPATH.test(subpath);
}

/** Where a conversation's file belongs, next to the conversation itself. */
export function placeOf(
  { path, env }: TranscriptPlace,
  subpath: string,
  extension = ".jsonl",
): TranscriptPlace {
  const base = path.slice(0, -".jsonl".length);
  return { path: (subpath === "" ? base : `${base}/${subpath}`) + extension, env };
}

/** The subpath of a file in a conversation's folder; undefined if it can't be one. */
export function subpathIn({ path }: TranscriptPlace, file: string): string | undefined {
  const below = relative(path.slice(0, -".jsonl".length), file).replace(/\.(?:jsonl|meta\.json)$/, "");
  return !isAbsolute(below) && isSubpath(below) ? below : undefined;
}

/** Whether the CLI mirrors a line of its file. */
export function isMirrored(line: string): boolean {
  return line !== "" && !line.startsWith(OWN_LINES);
}

/** A subagent's metadata as a line. */
export function metadataLine(json: string): string | undefined {
  return json.startsWith("{") && json.length > 2 ? METADATA + json.slice(1) : undefined;
}

/** The metadata in a line; undefined for any other line. */
export function metadataIn(line: string): string | undefined {
  return line.startsWith(METADATA) ? `{${line.slice(METADATA.length)}` : undefined;
}

/** The id of a line's entry. Without one, the line itself. */
export function keyOf(line: string): string {
  try {
    const entry: unknown = JSON.parse(line);
    return isObject(entry) && typeof entry["uuid"] === "string" ? entry["uuid"] : line;
  } catch {
    return line;
  }
}

/** The lines in parts of a moderate size. */
export function* partsOf(file: TranscriptFile, lines: readonly string[]): Generator<TranscriptPart, void> {
  let part: string[] = [];
  let chars = 0;
  for (const line of lines) {
    if (part.length > 0 && chars + line.length > MAX_PART_CHARS) {
      yield { ...file, lines: part };
      [part, chars] = [[], 0];
    }
    part.push(line);
    chars += line.length;
  }
  if (part.length > 0) yield { ...file, lines: part };
}
