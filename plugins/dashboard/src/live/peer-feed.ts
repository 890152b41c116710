import { setTimeout as sleep } from "node:timers/promises";
import type { NodeView } from "@claudeway/core";
import type { Asking, Peers } from "../peers.js";
import { isLoad, isTopic, isTurnText } from "./news.js";
import type { FeedReader } from "./reader.js";

/** How often gateways that have joined, or were lost, are looked for, in ms. */
const LOOK_MS = 2000;
/** Longest event, in characters: the text of another gateway comes in pieces of 256 Ki. */
const MAX_EVENT = 4 * 1024 * 1024;

/** Gives a browser what the other gateways report too, until it leaves. Never rejects. */
export async function followPeers(reader: FeedReader, peers: Peers, asking: Asking): Promise<void> {
  const followed = new Set<string>();
  while (!reader.ended.aborted) {
    for (const node of await peers.others().catch(() => [])) {
      if (followed.has(node.node)) continue;
      followed.add(node.node);
      void follow(node, reader, peers, asking).finally(() => followed.delete(node.node));
    }
    await sleep(LOOK_MS, undefined, { signal: reader.ended, ref: false }).catch(() => undefined);
  }
}

/** Relays one gateway, until it or the browser ends. Never rejects. */
async function follow(node: NodeView, reader: FeedReader, peers: Peers, asking: Asking): Promise<void> {
  try {
    const { ok, body } = await peers.fetch(node, asking, { signal: reader.ended });
    if (!ok || body === null) return;
    for await (const event of eventsOf(body.pipeThrough(new TextDecoderStream())))
      await relay(event, node, reader);
  } catch {
    // `followPeers` asks it again, unless it is lost.
  } finally {
    reader.forgetLoad(node.node);
  }
}

async function relay({ type, data }: SentEvent, { node }: NodeView, reader: FeedReader): Promise<void> {
  if (type === "load" && isLoad(data)) reader.notifyLoad(data, node);
  if (type === "change" && Array.isArray(data))
    for (const topic of data) if (isTopic(topic)) reader.notify(topic);
  if (type === "text" && isTurnText(data)) await reader.hand(data);
}

interface SentEvent {
  readonly type: string;
  readonly data: unknown;
}

async function* eventsOf(text: AsyncIterable<string>): AsyncGenerator<SentEvent, void> {
  let rest = "";
  for await (const piece of text) {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop() ?? "";
    if (rest.length > MAX_EVENT) return;
    for (const block of blocks) {
      const [, type, json] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      if (type !== undefined && json !== undefined) yield { type, data: JSON.parse(json) };
    }
  }
}
