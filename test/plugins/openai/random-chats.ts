import { expect } from "chai";
import OpenAI from "openai";
import { KEYS } from "../../e2e/gateway.js";
import { OptionsGateway } from "../../e2e/options-kit.js";
import { conversationIn, type SentMessage } from "../../e2e/sent-conversation.js";

interface Said {
  readonly role: "user" | "assistant";
  readonly content: string;
}
type Chat = readonly Said[];

/** How often each way led from a chat to a session, and how long an answer took then. */
export interface ChatReport {
  readonly seed: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly medianMs: Readonly<Record<string, number>>;
  readonly p90Ms: Readonly<Record<string, number>>;
  /** The share of chats with a history that went on in their session, or in a fork of it. */
  readonly hitRate: { readonly live: number; readonly liveOrForked: number };
}

export interface ChatRun {
  readonly seed: number;
  /** The gateway is stopped or killed between two rounds. */
  readonly rounds: number;
  /** In each round. */
  readonly requests: number;
  /** How many send them at once. */
  readonly clients: number;
}

/** Runs random chats on a gateway of their own. Rejects if the model API got another chat than a client sent. */
export async function runRandomChats({ seed, rounds, requests, clients }: ChatRun): Promise<ChatReport> {
  const options = await OptionsGateway.start({ config: "[plugins.openai]\nenabled = true\n" });
  try {
    const chats = new RandomChats(options, seed);
    for (let round = 0; round < rounds; round++) {
      if (round > 0) {
        await options.gateway.stop(round % 2 === 0 ? "SIGTERM" : "SIGKILL");
        await options.gateway.launch();
      }
      await chats.run(requests, clients);
    }
    return { seed, ...chats.report() };
  } finally {
    await options.dispose();
  }
}

/** A generator of numbers from 0 to 1 that a seed repeats (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Random chats of several clients at once: new ones, answers, retries, edits, branches, cancelled ones. */
class RandomChats {
  /** Chats that ended with an answer. */
  readonly #chats: Chat[] = [];
  readonly #random: () => number;
  readonly #times = new Map<string, number[]>();
  #prompts = 0;

  constructor(
    private readonly options: OptionsGateway,
    seed: number,
  ) {
    this.#random = randomOf(seed);
  }

  /** Runs so many requests, `clients` at once. */
  async run(requests: number, clients: number): Promise<void> {
    let left = requests;
    const client = async () => {
      while (left-- > 0) await this.#step();
    };
    await Promise.all(Array.from({ length: clients }, client));
  }

  report(): Omit<ChatReport, "seed"> {
    const entries = [...this.#times].map(([origin, times]) => [origin, times.sort((a, b) => a - b)] as const);
    const counts = Object.fromEntries(entries.map(([origin, times]) => [origin, times.length]));
    const { live = 0, forked = 0, seeded = 0 } = counts;
    const share = (hits: number) => Number((hits / Math.max(1, live + forked + seeded)).toFixed(3));
    const quantile = (at: number) =>
      Object.fromEntries(
        entries.map(([origin, times]) => [origin, Math.round(times[Math.floor(times.length * at)] ?? 0)]),
      );
    return {
      counts,
      medianMs: quantile(0.5),
      p90Ms: quantile(0.9),
      hitRate: { live: share(live), liveOrForked: share(live + forked) },
    };
  }

  async #step(): Promise<void> {
    const chat = this.#pick(this.#chats);
    const kind = this.#random();
    if (chat === undefined || kind < 0.15) return this.#say([]);
    if (kind < 0.6) return this.#say(this.#pick(this.#chats.slice(-6)) ?? chat);
    const at = 2 * Math.floor(this.#random() * (chat.length / 2));
    // A prompt is edited, or its answer generated again.
    if (kind < 0.7) return this.#say(chat.slice(0, at), chat[at]?.content);
    if (kind < 0.78) return this.#say(chat.slice(0, at));
    if (kind < 0.86)
      return this.#say(withAnswer(chat, at + 1, `An answer that a person wrote, ${this.#prompts}.`));
    if (kind < 0.94) {
      await Promise.all([this.#say(chat), this.#say(chat)]);
      return;
    }
    return this.#cancel(chat);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.#random() * from.length)];
  }

  #prompt(): string {
    const words = 1 + Math.floor(this.#random() * 5);
    const thought = this.#random() < 0.2 ? "[[think about it]] " : "";
    const end = this.#random() < 0.2 ? " \n" : "";
    return `${thought}[[words ${words}]] ünï ${++this.#prompts} <b>&"'</b>${end}`;
  }

  /** Sends a chat with one more prompt, and holds what the model API got against it. */
  async #say(before: Chat, again?: string): Promise<void> {
    const messages: Chat = [...before, { role: "user", content: again ?? this.#prompt() }];
    const seen = this.options.bodies.length;
    const begun = performance.now();
    const { text, origin } = await this.#ask(messages);
    const times = this.#times.get(origin) ?? [];
    this.#times.set(origin, [...times, performance.now() - begun]);
    this.#check(messages, seen);
    // Clients trim what they keep.
    this.#chats.push([
      ...messages,
      { role: "assistant", content: this.#random() < 0.5 ? text.trim() : text },
    ]);
  }

  async #ask(messages: Chat): Promise<{ text: string; origin: string }> {
    const client = this.#client();
    const model = this.#random() < 0.1 ? "haiku" : "sonnet";
    const request = { model, messages: messages.map((message) => ({ ...message })) };
    if (this.#random() < 0.5) {
      const { data, response } = await client.chat.completions.create(request).withResponse();
      return { text: data.choices[0]?.message.content ?? "", origin: originIn(response) };
    }
    const { data, response } = await client.chat.completions
      .create({ ...request, stream: true })
      .withResponse();
    let text = "";
    for await (const { choices } of data) text += choices[0]?.delta.content ?? "";
    return { text, origin: originIn(response) };
  }

  /** A client that gives up in the middle of an answer; the chat goes on from where it was. */
  async #cancel(chat: Chat): Promise<void> {
    const content = `[[slow 20]] [[words 500]] ${++this.#prompts}`;
    const messages = [...chat, { role: "user" as const, content }];
    // Once the answer has begun, no fork is being made that a kill of the gateway would leave half done.
    const stream = await this.#client().chat.completions.create({ model: "sonnet", messages, stream: true });
    for await (const _chunk of stream) stream.controller.abort();
  }

  #client(): OpenAI {
    return new OpenAI({ apiKey: KEYS.bob, baseURL: `${this.options.gateway.url}/v1`, maxRetries: 0 });
  }

  #check(messages: Chat, seen: number): void {
    const wanted = messages.map(({ role, content }) => [role, content.trimEnd()]);
    const sent = this.options.bodies
      .slice(seen)
      .filter((body) => body.startsWith("{"))
      .map((body) => conversationIn(body).map(withoutThoughts));
    const last = wanted.at(-1)?.[1];
    const own = sent.filter((conversation) => conversation.at(-1)?.at(-1) === last);
    expect(own, `requests with the prompt ${last}`).to.not.be.empty;
    // Compared as text: a difference of a long chat is shown whole.
    expect(JSON.stringify(own), `the chat that ends with ${last}`).to.contain(JSON.stringify(wanted));
  }
}

function originIn(response: Response): string {
  return response.headers.get("x-claudeway-history") ?? "";
}

function withAnswer(chat: Chat, at: number, content: string): Chat {
  return [...chat.slice(0, at), { role: "assistant", content }];
}

function withoutThoughts([role = "", ...parts]: SentMessage): string[] {
  return [role, ...parts.filter((part) => part !== "thinking").map((part) => part.trimEnd())];
}
