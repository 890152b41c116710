import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createTestGateway, type Script, type TestGateway } from "@claudeway/core/testing";
import { trialOf } from "./first-party.js";

/** Asks for a tool where the prompt says so. */
export const REPLIES: Script = function* ({ prompt }) {
  const [, tool] = /\[\[(\w+)\]\]/.exec(prompt) ?? [];
  if (tool === "write") yield { tool: "Write", input: { file_path: "a.txt", content: "a" } };
  if (tool === "bash") yield { tool: "Bash", input: { command: "make" } };
  yield `You said: ${prompt}`;
};

/** What came of switching a plugin on and off, over and over, while turns ran on other routes. */
export interface Switching {
  readonly rounds: number;
  readonly turns: number;
  /** What went wrong with them, at most ten. */
  readonly failures: readonly string[];
  /**
   * Bytes by which the heap has grown, after a collection, from a quarter of the rounds on; without what it grows by as
   * turns run and no plugin is switched, since the last ones are kept for a while.
   */
  readonly grownBytes: number;
  readonly leaks: readonly unknown[];
  readonly ms: number;
}

const AT_A_TIME = 2;
/** Turns by which it is told what turns cost by themselves. */
const PLAIN_TURNS = 150;

/** Rejects where the plugin does not start, or leaves something. */
export async function switchOnAndOff(name: string, rounds: number): Promise<Switching> {
  const { section = {}, end } = await trialOf(name);
  const started = performance.now();
  const gateway = await createTestGateway({ replies: REPLIES, config: { log_level: "warn" } });
  try {
    const traffic = new Traffic(gateway);
    let before = weigh(traffic);
    for (let round = 0; round < rounds; round++) {
      if (round === Math.floor(rounds / 4)) before = weigh(traffic);
      await gateway.enable([name, section]);
      await gateway.disable(name);
      await traffic.goesOn();
    }
    const after = weigh(traffic);
    while (traffic.turns < after.turns + PLAIN_TURNS) await traffic.goesOn();
    const plain = weigh(traffic);
    const bytesATurn = (plain.bytes - after.bytes) / (plain.turns - after.turns);
    const grownBytes = after.bytes - before.bytes - bytesATurn * (after.turns - before.turns);
    const failures = await traffic.end();
    const { turns } = traffic;
    const leaks = await gateway.leaks();
    return { rounds, turns, failures, grownBytes, leaks, ms: performance.now() - started };
  } finally {
    await gateway.close();
    await end?.();
  }
}

/** Turns, some at a time, as long as it goes on. */
class Traffic {
  turns = 0;
  #going = true;
  readonly #failures: string[] = [];
  readonly #workers: readonly Promise<void>[];

  constructor(private readonly gateway: TestGateway) {
    this.#workers = Array.from({ length: AT_A_TIME }, () => this.#work());
  }

  /** Resolves when at least one more turn has ended. */
  async goesOn(): Promise<void> {
    const before = this.turns;
    while (this.turns === before) await new Promise(setImmediate);
  }

  async end(): Promise<readonly string[]> {
    this.#going = false;
    await Promise.all(this.#workers);
    return this.#failures;
  }

  async #work(): Promise<void> {
    while (this.#going) {
      const failure = await this.gateway.turn("hello").then(
        ({ success, error }) => (success ? undefined : `${error}`),
        (error: unknown) => String(error),
      );
      this.turns++;
      if (failure !== undefined && this.#failures.length < 10) this.#failures.push(failure);
    }
  }
}

function weigh({ turns }: Traffic): { readonly bytes: number; readonly turns: number } {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  collect();
  return { bytes: process.memoryUsage().heapUsed, turns };
}
