import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findClaude } from "#engine-claude/executable.js";
import { cliEnvironment, TestGateway } from "../../test/e2e/gateway.js";
import { median } from "../median.js";
import { cliProcesses } from "../probe.js";
import { endedChildrenMs, ownMs } from "./processor.js";

const AT_ONCE = 24;
const TURNS = 20;
/** A later turn's answer is as long as in `npm run bench -- requests`. */
const LONG = "[[words 100]]";
const SHORT = "[[words 20]]";

export interface CostParts {
  readonly rounds: number;
  readonly warm: number;
  readonly command: string | undefined;
}

export interface Compared {
  readonly gateway: number;
  readonly beside: number;
  /** The median of the rounds' ratios. */
  readonly ratio: number;
}

/** Processor time of a later turn: the gateway's, and that of the CLI in its live process. */
export function laterTurn({ rounds, warm, command }: CostParts): Promise<Compared> {
  return withGateway(command, async (gateway) => {
    const turn = await session(gateway);
    await turn.prompt(LONG);
    const [cli = 0] = await cliProcesses(gateway);
    for (let turns = 0; turns < warm; turns++) await turn.prompt(LONG);
    return compared(rounds, async () => {
      const before = { gateway: ownMs(gateway.pid), cli: ownMs(cli) };
      for (let turns = 0; turns < TURNS; turns++) await turn.prompt(LONG);
      return {
        gateway: (ownMs(gateway.pid) - before.gateway) / TURNS,
        beside: (ownMs(cli) - before.cli) / TURNS,
      };
    });
  });
}

/** Processor time of a session's start and first turn, its CLI's whole life included, against the CLI by hand. */
export function firstTurn({ rounds, command }: CostParts): Promise<Compared> {
  return withGateway(command, async (gateway) => {
    const byHand = handOf(gateway);
    const ours = async () => {
      const before = ownMs(gateway.pid) + endedChildrenMs(gateway.pid);
      const { prompt, end } = await session(gateway);
      await prompt(SHORT);
      await end();
      return ownMs(gateway.pid) + endedChildrenMs(gateway.pid) - before;
    };
    const theirs = async () => {
      const before = endedChildrenMs(process.pid);
      await byHand([]);
      return endedChildrenMs(process.pid) - before;
    };
    for (let turns = 0; turns < 5; turns++) await ours();
    await theirs();
    return compared(rounds, async () => ({ gateway: await ours(), beside: await theirs() }));
  });
}

/** The time until the last of 24 sessions has its later turn's answer, on the default settings. */
export function sessionsAtOnce({ rounds, command }: CostParts): Promise<Compared> {
  return withGateway(command, async (gateway) => {
    const byHand = handOf(gateway);
    const all = Array.from({ length: AT_ONCE }, (_, at) => at);
    const sessions = await Promise.all(all.map(() => session(gateway)));
    const ours = () => timed(() => Promise.all(sessions.map(({ prompt }) => prompt(SHORT))));
    const ids = all.map(() => randomUUID());
    await Promise.all(ids.map((id) => byHand(["--session-id", id])));
    await ours();
    const theirs = () => timed(() => Promise.all(ids.map((id) => byHand(["--resume", id]))));
    return compared(rounds, async () => ({ gateway: await ours(), beside: await theirs() }));
  });
}

async function withGateway<T>(
  command: string | undefined,
  act: (gateway: TestGateway) => Promise<T>,
): Promise<T> {
  const gateway = await TestGateway.start({ ...(command !== undefined && { command }) });
  try {
    return await act(gateway);
  } finally {
    await gateway.dispose();
  }
}

async function compared(rounds: number, measure: () => Promise<Omit<Compared, "ratio">>): Promise<Compared> {
  const pairs: Omit<Compared, "ratio">[] = [];
  for (let round = 0; round < rounds; round++) {
    pairs.push(await measure());
    process.stderr.write(".");
  }
  process.stderr.write("\n");
  return {
    gateway: median(pairs.map(({ gateway }) => gateway)),
    beside: median(pairs.map(({ beside }) => beside)),
    ratio: median(pairs.map(({ gateway, beside }) => gateway / beside)),
  };
}

async function session(gateway: TestGateway) {
  const { body } = await gateway.request<{ session_id: string }>("/session/start", { body: {} });
  const path = `/session/${body.session_id}`;
  const prompt = async (text: string) => {
    const answer = await gateway.request(path, { body: { prompt: text } });
    if (answer.body["success"] !== true) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
  };
  return { prompt, end: () => gateway.request(path, { method: "DELETE" }) };
}

/** Runs the CLI by hand, with the same model and in a folder of its own. */
function handOf(gateway: TestGateway): (args: readonly string[]) => Promise<void> {
  const { path } = findClaude(undefined);
  const cwd = join(gateway.dir, "by-hand");
  mkdirSync(cwd);
  const env = { ...process.env, ...cliEnvironment(gateway.model, gateway.dir) };
  return async (args) => {
    const child = spawn(path, ["-p", "--model", "sonnet", ...args], {
      cwd,
      env,
      stdio: ["pipe", "ignore", "inherit"],
    });
    child.stdin.end(SHORT);
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error(`claude ended with ${code}`);
  };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}
