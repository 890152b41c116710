import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createTestGateway, type Script, type TestGateway } from "@claudeway/testing";
import { TRIAL_CONFIG, trialOf } from "./first-party.js";

/** Calls a tool if the prompt says so. */
export const REPLIES: Script = function* ({ prompt }) {
  const [, tool] = /\[\[(\w+)\]\]/.exec(prompt) ?? [];
  if (tool === "write") yield { tool: "Write", input: { file_path: "a.txt", content: "a" } };
  if (tool === "bash") yield { tool: "Bash", input: { command: "make" } };
  yield `You said: ${prompt}`;
};

/** The result of enabling and disabling a plugin repeatedly while turns ran on other routes. */
export interface Switching {
  /** Number of turns that ran meanwhile. */
  readonly turns: number;
  /** Their failures. */
  readonly failures: readonly string[];
  /**
   * Bytes by which the heap has grown, after a collection, from a quarter of the rounds on; without what it grows by as
   * turns run and no plugin is switched, since the gateway keeps those that have ended for a while. Undefined unless the
   * heap was to be weighed: collections take longer than all else here.
   */
  readonly grownBytes: number | undefined;
  readonly leaks: readonly unknown[];
  readonly ms: number;
}

/** Rejects if the plugin does not start, or leaves something behind. */
export async function switchOnAndOff(
  name: string,
  rounds: number,
  { weighed = false } = {},
): Promise<Switching> {
  const { section = {}, end } = await trialOf(name);
  const started = performance.now();
  const gateway = await createTestGateway({
    replies: REPLIES,
    config: { ...TRIAL_CONFIG, log_level: "warn" },
  });
  const traffic = new Traffic(gateway);
  try {
    let before: Weight | undefined;
    for (let round = 0; round < rounds; round++) {
      if (weighed && round === Math.floor(rounds / 4)) before = weigh(traffic);
      // One turn begins before, one in between, and one while the plugin is disabled.
      const turns = [traffic.turn()];
      await gateway.enable([name, section]);
      turns.push(traffic.turn());
      const off = gateway.disable(name);
      turns.push(traffic.turn());
      await Promise.all([off, ...turns]);
    }
    const grownBytes = before && (await grownSince(before, traffic, rounds));
    const leaks = await gateway.leaks();
    return {
      turns: traffic.turns,
      failures: traffic.failures,
      grownBytes,
      leaks,
      ms: performance.now() - started,
    };
  } finally {
    await gateway.close();
    await end?.();
  }
}

/** Turns, counted. */
class Traffic {
  turns = 0;
  readonly failures: string[] = [];

  constructor(private readonly gateway: TestGateway) {}

  /** Runs one turn to its end. Never rejects. */
  async turn(): Promise<void> {
    try {
      const { success, error } = await this.gateway.turn("hello");
      if (!success) this.failures.push(`${error}`);
    } catch (error) {
      this.failures.push(String(error));
    }
    this.turns++;
  }
}

interface Weight {
  readonly bytes: number;
  readonly turns: number;
}

/** What the heap has grown by, less what as many turns add without a switch. */
async function grownSince(before: Weight, traffic: Traffic, turns: number): Promise<number> {
  const after = weigh(traffic);
  for (let turn = 0; turn < turns; turn++) await traffic.turn();
  const plain = weigh(traffic);
  const bytesATurn = (plain.bytes - after.bytes) / turns;
  return after.bytes - before.bytes - bytesATurn * (after.turns - before.turns);
}

function weigh({ turns }: Traffic): Weight {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  collect();
  return { bytes: process.memoryUsage().heapUsed, turns };
}
