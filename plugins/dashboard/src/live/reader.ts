import type { Load, TurnHandle } from "@claudeway/core";
import type { AdminSession } from "../access/admin-sessions.js";
import { sumOf, type Topic, type TurnText } from "./news.js";
import { Wake } from "./wake.js";

const HEARTBEAT_MS = 15_000;
/** Changes within this time are sent together. */
const GATHER_MS = 150;
/** Longer text is sent in several events, each after the one before was read: a waiting text costs no more memory. */
const MAX_CHARS = 256 * 1024;

/**
 * The connection of one browser, for all of its tabs. It pulls: while the connection is slow, changes of one topic are
 * merged and text waits in the turn itself, so that it costs no memory.
 */
export class FeedReader {
  readonly #topics = new Set<Topic>();
  readonly #wake = new Wake();
  /** What is read of each turn, by its id; `left` once it has ended or parked since. */
  readonly #followed = new Map<string, { readonly read: Promise<void>; left: boolean }>();
  #texts: TurnText[] = [];
  #drained: (() => void)[] = [];
  /** By the gateway's name; empty for this one. */
  readonly #loads = new Map<string, Load>();
  #loadChanged = false;
  readonly #ended = new AbortController();
  readonly #hurry = () => this.#wake.call();

  constructor(
    /** Ids of the sessions whose running text it receives. */
    readonly sessions: ReadonlySet<string>,
    /** Undefined if it came with a key. */
    private readonly login: AdminSession | undefined,
  ) {
    login?.ended.addEventListener("abort", this.#hurry);
  }

  notify(topic: Topic): void {
    this.#topics.add(topic);
    this.#wake.call();
  }

  /** @param node another gateway, whose load adds to that of this one */
  notifyLoad(load: Load, node = ""): void {
    this.#loads.set(node, load);
    this.#loadChanged = true;
    this.#wake.call();
  }

  /** Another gateway no longer reports: removes its load. */
  forgetLoad(node: string): void {
    if (!this.#loads.delete(node)) return;
    this.#loadChanged = true;
    this.#wake.call();
  }

  /** Aborted when the reader is closed. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get #closed(): boolean {
    return this.#ended.signal.aborted;
  }

  /**
   * Forwards a turn's text from its beginning until it ends or parks, if that is not done yet; of one that goes on after it
   * was parked, once what came before is read. Never rejects.
   */
  async follow(turn: TurnHandle): Promise<void> {
    const before = this.#followed.get(turn.id);
    if (before?.left === false) return before.read;
    const read = before === undefined ? this.#read(turn) : before.read.then(() => this.#read(turn));
    const reading = { read, left: false };
    this.#followed.set(turn.id, reading);
    await read;
    if (this.#followed.get(turn.id) === reading) this.#followed.delete(turn.id);
  }

  /** A turn has ended or parked: `follow` reads it again if it goes on. */
  left(turnId: string): void {
    const reading = this.#followed.get(turnId);
    if (reading !== undefined) reading.left = true;
  }

  async #read(turn: TurnHandle): Promise<void> {
    if (this.#closed) return;
    let at = 0;
    for await (const frame of turn.read({ mode: "delta" })) {
      if (this.#closed) return;
      if (frame?.event !== "text" || typeof frame.data !== "string") continue;
      for (const text of piecesOf(frame.data)) {
        if (this.#closed) return;
        await this.hand({ turn_id: turn.id, at, text });
        at += text.length;
      }
    }
  }

  close(): void {
    this.#ended.abort();
    this.login?.ended.removeEventListener("abort", this.#hurry);
    this.#wake.call();
    this.#release();
  }

  /**
   * Server-sent events, until the reader is closed or the login ends; `alive` where nothing else happens, so that a page
   * notices when its connection is dead.
   */
  async *events(): AsyncGenerator<string, void> {
    yield "retry: 2000\n\n";
    while (!this.#closed) {
      const left = this.#leftMs();
      if (left <= 0) {
        yield encode("expired", {});
        return;
      }
      const called = await this.#wake.wait(Math.min(HEARTBEAT_MS, left));
      if (called) await gather();
      if (this.login?.ended.aborted) continue;
      const events = this.#drain();
      if (events !== "") yield events;
      else if (!called) yield encode("alive", {});
    }
  }

  /** Milliseconds until the login expires. */
  #leftMs(): number {
    if (this.login === undefined) return Number.POSITIVE_INFINITY;
    return this.login.ended.aborted ? 0 : this.login.expiresAt - Date.now();
  }

  /** Sends a piece of text. Resolves when it was read, or the reader is closed. */
  hand(text: TurnText): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#texts.push(text);
    this.#wake.call();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  #drain(): string {
    const topics = [...this.#topics];
    const load = this.#loadChanged ? sumOf(this.#loads.values()) : undefined;
    const texts = this.#texts;
    this.#topics.clear();
    this.#loadChanged = false;
    this.#texts = [];
    this.#release();
    return [
      ...(load === undefined ? [] : [encode("load", load)]),
      ...texts.map((text) => encode("text", text)),
      ...(topics.length === 0 ? [] : [encode("change", topics)]),
    ].join("");
  }

  #release(): void {
    const drained = this.#drained;
    this.#drained = [];
    for (const resolve of drained) resolve();
  }
}

function* piecesOf(text: string): Generator<string, void> {
  for (let from = 0; from < text.length; from += MAX_CHARS) yield text.slice(from, from + MAX_CHARS);
}

function encode(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function gather(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, GATHER_MS));
}
