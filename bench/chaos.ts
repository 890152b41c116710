import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DealtUsage } from "@claudeway/plugin-demo/model";
import type { TurnResponse } from "@claudeway/schemas";
import { bash, Conversation } from "../test/e2e/conversation.js";
import { TestGateway } from "../test/e2e/gateway.js";
import { killChild } from "../test/e2e/ways.js";
import { type ChaosTable, compare, type SentPrompt, type TaggedUsage } from "./chaos-books.js";
import { Said } from "./chaos-said.js";

const CLIENTS = 4;
/** Sessions of each client, and the number of turns after which one is replaced. */
const SESSIONS = 3;
const TURNS = 25;
/** Lifetime of the gateway, in ms; it is killed and stopped alternately. */
const LIVES_MS = [20_000, 60_000] as const;
const COLLECT_MS = 500;

export interface ChaosReport {
  readonly table: ChaosTable;
  readonly kills: number;
  readonly stops: number;
  /** One line for each turn that is wrong. */
  readonly wrong: readonly string[];
}

/**
 * Runs tagged prompts for some minutes while processes are killed, turns are interrupted, time out and fail, and background
 * jobs end. Then compares each turn in the ledger with the model's tokens for its tag.
 */
export async function chaos(minutes: number, seed: number): Promise<ChaosReport> {
  const said = new Said();
  const gateway = await TestGateway.start({
    env: { IS_SANDBOX: "1", CLAUDE_BIN: said.claude },
    config: "[engine]\nmax_running = 4\nmax_processes = 6\nidle_secs = 20\ngrace_secs = 2\nspares = 0\n",
    model: { keepRequests: 5000 },
  });
  try {
    return await new Chaos(gateway, said, minutes, seed).run();
  } finally {
    await gateway.dispose();
    said.dispose();
  }
}

/** A kind of prompt, and what is done to it. */
interface Act {
  readonly name: string;
  prompt(tag: string): string;
  /** The right answer; undefined if no answer is expected. */
  answer?(tag: string): string;
  readonly timeoutSecs?: number;
  meddle?(talk: Conversation, leave: AbortController): Promise<unknown>;
}

const say = (tag: string) => `[[say ${tag}]]`;
const job = (ms: number) =>
  `[[${JSON.stringify({
    tool: "Bash",
    input: {
      command: `node -e 'setTimeout(()=>{},${ms})'`,
      description: "Background job",
      run_in_background: true,
    },
  })}]]`;
const slow = (tag: string) => `${bash("echo one")} [[words 20]] [[wait 2500]] ${say(tag)}`;
const interrupt = (talk: Conversation) => talk.gateway.request(`${talk.path}/interrupt`, { body: {} });

const ACTS: readonly Act[] = [
  { name: "a prompt", prompt: say, answer: (tag) => tag },
  { name: "a prompt, again", prompt: (tag) => `[[words 20]] ${say(tag)}`, answer: (tag) => tag },
  { name: "a tool call", prompt: (tag) => `${bash("echo hi")} ${say(tag)}`, answer: (tag) => tag },
  { name: "a background job", prompt: (tag) => `${job(700)} ${say(tag)}`, answer: (tag) => tag },
  {
    name: "three background jobs",
    prompt: (tag) => `${job(300)} ${job(300)} ${job(900)} ${say(tag)}`,
    answer: (tag) => tag,
  },
  {
    name: "a subagent",
    prompt: (tag) => `[[subagent ${bash("echo hi")} [[words 4]] (${tag})]] ${say(tag)}`,
    answer: (tag) => tag,
  },
  {
    name: "a 400 in mid stream",
    prompt: (tag) => `${bash("echo hi")} [[words 20]] ${say(tag)} [[fail 400 no]]`,
  },
  { name: "a 529 in mid stream", prompt: (tag) => `[[words 20]] ${say(tag)} [[fail 529 no]]` },
  { name: "an interrupt", prompt: slow, meddle: async (talk) => sometime().then(() => interrupt(talk)) },
  { name: "an interrupt at once", prompt: slow, meddle: interrupt },
  { name: "a timeout", prompt: (tag) => `[[words 20]] [[wait 9000]] ${say(tag)}`, timeoutSecs: 4 },
  {
    name: "a client that leaves",
    prompt: slow,
    meddle: async (_, leave) => sometime().then(() => leave.abort()),
  },
  { name: "a CLI that is killed", prompt: slow, meddle: killRunning },
  { name: "a CLI that is killed while it waits", prompt: say, answer: (tag) => tag, meddle: killLater },
];

/** Anywhere in a turn, also in the start of its process. */
function sometime(): Promise<void> {
  return sleep(300 + Math.random() * 3000);
}

async function killRunning(talk: Conversation): Promise<void> {
  await sometime();
  const turn = (await talk.ledger.turns(talk.id)).at(-1);
  if (turn !== undefined && turn.end === null && turn.pid !== null) kill(turn);
}

async function killLater(talk: Conversation): Promise<void> {
  await sleep(1200);
  const turn = (await talk.ledger.turns(talk.id)).at(-1);
  if (turn !== undefined && turn.end !== null && turn.pid !== null) kill(turn);
}

/** It may have gone meanwhile. */
function kill(turn: Parameters<typeof killChild>[0]): void {
  try {
    killChild(turn);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

class Chaos {
  readonly #sent: SentPrompt[] = [];
  readonly #dealt = new Map<number, TaggedUsage>();
  readonly #end: number;
  #random: number;
  #tags = 0;
  #kills = 0;
  #stops = 0;
  #up: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly gateway: TestGateway,
    private readonly said: Said,
    minutes: number,
    seed: number,
  ) {
    this.#random = seed;
    this.#end = Date.now() + minutes * 60_000;
  }

  async run(): Promise<ChaosReport> {
    const clients = Promise.all(Array.from({ length: CLIENTS }, () => this.#client()));
    await Promise.all([clients, this.#endGateways(), this.#collectUntilEnd()]);
    // Wait for background work to end and to be reported.
    await sleep(5000);
    await this.gateway.stop();
    // The next start records what was lost in the last moments.
    await this.gateway.launch();
    await this.gateway.stop();
    this.#collect();
    const { table, wrong } = await compare(this.#sent, [...this.#dealt.values()], {
      dataDir: this.gateway.dataDir,
      claudeDir: join(this.gateway.dir, "claude"),
      said: this.said.messages(),
    });
    return { table, wrong, kills: this.#kills, stops: this.#stops };
  }

  async #client(): Promise<void> {
    const talks: { talk: Conversation; left: number }[] = [];
    while (Date.now() < this.#end) {
      await this.#up;
      try {
        const at = this.#roll(SESSIONS);
        const known = talks[at];
        const place = known !== undefined && known.left > 0 ? known : await this.#newTalk();
        talks[at] = place;
        place.left--;
        await this.#act(place.talk, ACTS[this.#roll(ACTS.length)]);
      } catch (error) {
        // The gateway was ended under it.
        if (!(error instanceof TypeError || isAbort(error))) throw error;
        await sleep(100);
      }
    }
  }

  async #newTalk() {
    return { talk: await Conversation.start(this.gateway), left: TURNS };
  }

  async #act(talk: Conversation, act: Act | undefined): Promise<void> {
    if (act === undefined) return;
    const tag = `tag${++this.#tags}e`;
    const prompt = `${act.prompt(tag)} (${tag})`;
    const sha256 = createHash("sha256").update(prompt).digest("hex");
    const sent: SentPrompt = { act: act.name, tag, session: talk.id, sha256 };
    this.#sent.push(sent);
    const leave = new AbortController();
    const meddling = act.meddle?.(talk, leave).catch(() => undefined);
    const timeout = act.timeoutSecs === undefined ? {} : { timeout_secs: act.timeoutSecs };
    const answer = this.gateway.request<TurnResponse>(talk.path, {
      body: { prompt, ...timeout },
      signal: leave.signal,
    });
    try {
      const { status, body } = await answer;
      if (status === 200) judge(sent, body, act.answer?.(tag));
    } finally {
      await meddling;
    }
  }

  /** Kills the gateway, and stops it in order, in turns. */
  async #endGateways(): Promise<void> {
    for (let kills = true; ; kills = !kills) {
      const [least, most] = LIVES_MS;
      await sleep(Math.min(least + this.#roll(most - least), Math.max(0, this.#end - Date.now())));
      if (Date.now() >= this.#end) return;
      if (kills) this.#kills++;
      else this.#stops++;
      const ended = this.gateway.stop(kills ? "SIGKILL" : "SIGTERM");
      this.#up = ended.then(() => this.gateway.launch());
      await this.#up;
    }
  }

  async #collectUntilEnd(): Promise<void> {
    while (Date.now() < this.#end) {
      await sleep(COLLECT_MS);
      this.#collect();
    }
  }

  /** The model forgets old messages. */
  #collect(): void {
    const prompts = new Map(this.gateway.model.requests().map(({ seq, prompt }) => [seq, prompt]));
    for (const usage of this.gateway.model.dealt()) {
      const prompt = prompts.get(usage.seq);
      // Of what the model has forgotten in between, the tag is known from before.
      const { tag, begin } =
        prompt === undefined ? (this.#dealt.get(usage.seq) ?? UNKNOWN) : tagOf(usage, prompt);
      this.#dealt.set(usage.seq, { ...usage, tag, begin });
    }
  }

  /** A whole number below `below`, by the seed (a linear congruential generator). */
  #roll(below: number): number {
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((this.#random / 2_147_483_648) * below);
  }
}

const UNKNOWN = { tag: undefined, begin: "" };

function tagOf({ kind }: DealtUsage, prompt: string): Pick<TaggedUsage, "tag" | "begin"> {
  const own = kind === "turn" || kind === "subagent";
  return { tag: own ? /tag\d+e/.exec(prompt)?.[0] : undefined, begin: prompt.slice(0, 80) };
}

function judge(
  sent: SentPrompt,
  { success, result, error }: TurnResponse,
  expected: string | undefined,
): void {
  const others = (result.match(/tag\d+e/g) ?? []).filter((tag) => tag !== sent.tag);
  if (others.length > 0) sent.wrong = `the answer of ${others[0]}`;
  else if (success && expected !== undefined && !result.endsWith(expected)) {
    sent.wrong = `the answer ${JSON.stringify(result)} (${error})`;
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
