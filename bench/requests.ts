import { writeFileSync } from "node:fs";
import { TestGateway } from "../test/e2e/gateway.js";
import { MACHINE } from "./machine.js";
import { inMb, WITH_PROBE } from "./probe.js";
import { climb, type RungCost } from "./requests/ladder.js";
import { type Reading, slowReaders } from "./requests/slow-readers.js";
import { type TurnCost, turnCost } from "./requests/turn-cost.js";

/*
 * What the gateway adds to a request over bare Koa, part by part; to a turn over the same turn straight on the Agent SDK;
 * and what a slow reader of a long answer costs. Alternating rounds, medians. `npm run bench -- requests [rounds]`
 */

const ROUNDS = Number(process.argv[2] ?? 5);

print(`\n${MACHINE}; ${ROUNDS} alternating rounds, medians`);
const ladder = await climb(ROUNDS);
printLadder(ladder);
const gateway = await TestGateway.start({ args: WITH_PROBE, config: "[engine]\nspares = 0\n" });
try {
  const turn = await turnCost(gateway, ROUNDS);
  printTurn(turn);
  const readings = [await slowReaders(gateway, "text"), await slowReaders(gateway, "delta")];
  printReadings(readings);
  const file = process.env["BENCH_JSON"];
  if (file !== undefined)
    writeFileSync(
      file,
      JSON.stringify({ machine: MACHINE, rounds: ROUNDS, ladder, turn, readings }, null, 2),
    );
} finally {
  await gateway.dispose();
}

function printLadder(rungs: readonly RungCost[]): void {
  print(
    "\n| served by | µs of processor time a request | more than the one above | requests a second |\n|---|---|---|---|",
  );
  for (const { rung, cpuUs, addedUs, requestsPerSec } of rungs)
    print(`| ${rung} | ${cpuUs.toFixed(0)} | ${addedUs.toFixed(0)} | ${requestsPerSec.toFixed(0)} |`);
}

function printTurn({ gatewayMs, sdkMs, cliMs, startedMs, added }: TurnCost): void {
  print("\n| processor time of a turn | ms |\n|---|---|");
  print(`| the CLI itself, started for one turn | ${startedMs.toFixed(1)} |`);
  print(`| the CLI itself, in a live process | ${cliMs.toFixed(1)} |`);
  print(`| a process that drives it by the Agent SDK | ${sdkMs.toFixed(1)} |`);
  print(`| the gateway | ${gatewayMs.toFixed(1)} |`);
  const ofStarted = (gatewayMs - sdkMs) / startedMs;
  print(`| what it adds, in % of a CLI started for the turn (goal: ≤ 2) | ${(ofStarted * 100).toFixed(1)} |`);
  print(`| the same, in % of a live one | ${(added * 100).toFixed(1)} |`);
}

function printReadings(readings: readonly Reading[]): void {
  print(
    "\n| 20,000 words, by mode | text | sent to a fast reader | sent to one at 50 kB/s | held for one of these |\n|---|---|---|---|---|",
  );
  for (const { mode, textBytes, fastBytes, slowBytes, heldBytes } of readings)
    print(`| ${mode} | ${inMb(textBytes)} | ${inMb(fastBytes)} | ${inMb(slowBytes)} | ${inMb(heldBytes)} |`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
