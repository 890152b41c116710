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
   * turns run and no plugin is switched, since the gateway keeps those that have ended for a while.
   */
  readonly grownBytes: number;
  readonly leaks: readonly unknown[];
  readonly ms: number;
}

/** Rejects if the plugin does not start, or leaves something behind. */
export async function switchOnAndOff(name: string, rounds: number): Promise<Switching> {
  const { section = {}, end } = await trialOf(name);
  const started = performance.now();
  const gateway = await createTestGateway({
    replies: REPLIES,
    config: { ...TRIAL_CONFIG, log_level: "warn" },
  });
  const traffic = new Traffic(gateway);
  try {
    let before = weigh(traffic);
    for (let round = 0; round < rounds; round++) {
      if (round === Math.floor(rounds / 4)) before = weigh(traffic);
      // One turn begins before, one in between, and one while the plugin is disabled.
      const turns = [traffic.turn()];
      await gateway.enable([name, section]);
      turns.push(traffic.turn());
      const off = gateway.disable(name);
      turns.push(traffic.turn());
      await Promise.all([off, ...turns]);
    }
    const after = weigh(traffic);
    for (let turn = 0; turn < rounds; turn++) await traffic.turn();
    const plain = weigh(traffic);
    const bytesATurn = (plain.bytes - after.bytes) / rounds;
    const grownBytes = after.bytes - before.bytes - bytesATurn * (after.turns - before.turns);
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

function weigh({ turns }: Traffic): { readonly bytes: number; readonly turns: number } {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  collect();
  return { bytes: process.memoryUsage().heapUsed, turns };
}
