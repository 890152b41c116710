import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { TurnStatus } from "@claudeway/schemas";
import { readEvents } from "#testing/event-parser.js";
import type { TestGateway } from "./gateway.js";

/** The streams of turns whose requests name no events, as they were before there were any. */
const RECORDED = new URL("../fixtures/streams.json", import.meta.url);

/** One turn: its prompt, further fields of its request, and what a client does when the model has begun. */
export interface RecordedTurn {
  readonly prompt: string;
  readonly fields?: object;
  readonly interrupted?: boolean;
}

const SCHEMA = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
const OUTPUT = `[[${JSON.stringify({ tool: "StructuredOutput", input: { name: "Ada" } })}]]`;

/** The kinds of turns whose streams are recorded. */
export const TURNS: Readonly<Record<string, RecordedTurn>> = {
  text: { prompt: "[[words 3]]" },
  "text, new text only": { prompt: "[[words 3]]", fields: { stream: "delta" } },
  "thinking before text": { prompt: "[[think of a number]] [[say seven]]" },
  tools: { prompt: "[[say first]] [[bash echo one]] [[say then]] [[bash exit 3]] [[say last]]" },
  "tools in one message": { prompt: "[[both [[bash echo one]] [[read missing.txt]]]] [[say read]]" },
  "a subagent": { prompt: "[[subagent [[bash echo inner]] [[say from inside]]]] [[say outside]]" },
  "a retry": { prompt: "[[fail 1x 529 busy]] [[say fine]]" },
  failure: { prompt: "[[fail 400 broken]]" },
  "failure in mid stream": { prompt: "[[words 2]] [[fail 400 broken]]" },
  "structured output": { prompt: OUTPUT, fields: { output_schema: SCHEMA } },
  interrupt: { prompt: "[[words 2]] [[hang]]", interrupted: true },
};

/** A stream as lines: text that came in several pieces is joined, and what differs from run to run is replaced. */
export type Recording = readonly string[];

export function recordedStreams(): Readonly<Record<string, Recording>> {
  return JSON.parse(readFileSync(RECORDED, "utf8"));
}

export function writeStreams(streams: Readonly<Record<string, Recording>>): void {
  writeFileSync(RECORDED, `${JSON.stringify(streams, null, 2)}\n`);
}

/** The bytes of a turn's stream over server-sent events, frame by frame. */
export async function recordEvents(
  gateway: TestGateway,
  path: string,
  turn: RecordedTurn,
): Promise<Recording> {
  const { prompt, fields = {} } = turn;
  const response = await gateway.fetch(path, { body: { prompt, ...fields } });
  const turnId = response.headers.get("x-turn-id") ?? "";
  if (turn.interrupted === true) void interruptLater(gateway, turnId);
  const frames = (await response.text()).split("\n\n").filter((frame) => frame !== "" && frame !== ":");
  return joined(frames.map(normal), (frame) => /^id: \d+\nevent: text\n/.test(frame), mergedEvents(fields));
}

/** The same over the WebSocket. */
export async function recordSocket(gateway: TestGateway, turn: RecordedTurn): Promise<Recording> {
  const { prompt, fields = {} } = turn;
  const socket = gateway.socket();
  const frames: string[] = [];
  socket.on("message", (data) => {
    frames.push(data.toString());
    if (turn.interrupted === true && frames.at(-1)?.includes("word2"))
      socket.send(JSON.stringify({ event: "interrupt" }));
  });
  await once(socket, "open");
  socket.send(JSON.stringify({ prompt, ...fields }));
  await once(socket, "close");
  return joined(frames.map(normal), (frame) => frame.startsWith('{"event":"text"'), mergedFrames(fields));
}

async function interruptLater(gateway: TestGateway, turnId: string): Promise<void> {
  const reading = new AbortController();
  const following = await gateway.fetch(`/turns/${turnId}/events`, { signal: reading.signal });
  for await (const { data } of readEvents(following)) if (data.includes("word2")) break;
  reading.abort();
  const { session_id } = (await gateway.request<TurnStatus>(`/turns/${turnId}`)).body;
  await gateway.request(`/session/${session_id}/interrupt`, { method: "POST" });
}

type Merge = (one: string, next: string) => string;

/** Text events next to each other as one: how many there are depends on the speed of the reader. */
function joined(frames: readonly string[], isText: (frame: string) => boolean, merge: Merge): string[] {
  const result: string[] = [];
  for (const frame of frames) {
    const last = result.at(-1);
    if (last !== undefined && isText(last) && isText(frame)) result[result.length - 1] = merge(last, frame);
    else result.push(frame);
  }
  return result;
}

function mergedEvents({ stream }: { readonly stream?: string }): Merge {
  return (one, next) => {
    if (stream !== "delta") return next;
    const text = one.slice(one.indexOf("data: "));
    return `${next.slice(0, next.indexOf("data: "))}${text}${next.slice(next.indexOf("data: ") + 6)}`;
  };
}

function mergedFrames({ stream }: { readonly stream?: string }): Merge {
  return (one, next) =>
    stream === "delta" ? one.slice(0, -2) + next.slice('{"event":"text","data":"'.length) : next;
}

/** Without ids, times and folders, which differ from run to run. */
function normal(frame: string): string {
  return frame
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>")
    .replace(/toolu_demo_(\d+)_[0-9a-f]+/g, "toolu_demo_$1")
    .replace(/"duration_ms":\d+/g, '"duration_ms":0')
    .replace(/\/tmp\/claudeway-test-[^/"\s\\]+/g, "<dir>");
}
