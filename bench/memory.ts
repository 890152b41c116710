import { Conversation } from "../test/e2e/conversation.js";
import { TestGateway } from "../test/e2e/gateway.js";
import { eventually } from "../test/e2e/poll.js";
import { cliProcesses, type Held, inMb, probe, WITH_PROBE } from "./probe.js";

/*
 * Memory of the gateway's own process: with many idle sessions compared to none, and over many turns.
 * `npm run bench -- memory [sessions] [turns]`
 */

const SESSIONS = Number(process.argv[2] ?? 1000);
const TURNS = Number(process.argv[3] ?? 2000);
const AT_ONCE = 4;
const TALKING = 20;
const EVERY = 200;

await idleSessions();
await manyTurns();

/** Each session has had a turn, and its process has gone. */
async function idleSessions(): Promise<void> {
  const gateway = await TestGateway.start({
    args: WITH_PROBE,
    config: `[engine]\nspares = 0\nidle_secs = 2\nmax_running = ${AT_ONCE}\nmax_processes = ${AT_ONCE}\n`,
  });
  try {
    await talk(gateway, 2 * AT_ONCE);
    await processesGone(gateway);
    const none = await probe(gateway);
    await talk(gateway, SESSIONS);
    await processesGone(gateway);
    const many = await probe(gateway);
    const held = inMb(many.held - none.held);
    print(
      `${SESSIONS} idle sessions without a process against none: ${held} held, ${inMb(many.rss - none.rss)} in RAM`,
    );
    print(`(the gateway: ${inMb(none.rss)} before, ${inMb(many.rss)} after)\n`);
  } finally {
    await gateway.dispose();
  }
}

/** Starts sessions with a turn each, a few at a time. */
async function talk(gateway: TestGateway, count: number): Promise<void> {
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const session = await Conversation.start(gateway);
      await turn(session);
      if (left % 50 === 0) process.stderr.write(".");
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  process.stderr.write("\n");
}

async function processesGone(gateway: TestGateway): Promise<void> {
  await eventually("the idle processes to go", async () => (await cliProcesses(gateway)).length === 0);
}

/** Sessions that talk in turn, each in its live process. */
async function manyTurns(): Promise<void> {
  const gateway = await TestGateway.start({
    args: WITH_PROBE,
    config: `[engine]\nspares = 1\nmax_running = ${AT_ONCE}\nmax_processes = ${TALKING + 4}\n`,
  });
  try {
    const sessions = await Promise.all(Array.from({ length: TALKING }, () => Conversation.start(gateway)));
    print("| turns | held | in RAM | handles | files | processes |\n|---|---|---|---|---|---|");
    for (let done = 0; done < TURNS; ) {
      for (const end = done + EVERY; done < end; done += TALKING) await Promise.all(sessions.map(turn));
      const processes = (await cliProcesses(gateway)).length;
      print(rowOf(done, await probe(gateway), processes));
    }
  } finally {
    await gateway.dispose();
  }
}

function rowOf(turns: number, { held, rss, handles, files }: Held, processes: number): string {
  return `| ${turns} | ${inMb(held)} | ${inMb(rss)} | ${handles} | ${files} | ${processes} |`;
}

async function turn(session: Conversation): Promise<void> {
  const { status, body } = await session.say("[[words 20]]");
  if (status !== 200 || !body.success) throw new Error(`a turn failed: ${status} ${JSON.stringify(body)}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
