import { BUSY, IDLE, runTrial, TRIALS } from "../test/cluster/trials.js";
import { MACHINE } from "./machine.js";

/*
 * How long sessions of a node are away when something happens to it, with two gateways on one PostgreSQL and the scripted
 * engine, whose turns work in processes. `npm run bench -- failover [lease_secs]`
 */

const [leaseSecs = 3] = process.argv.slice(2).map(Number);
const seconds = (ms: number) => (ms / 1000).toFixed(1);

print(`\n${MACHINE}; lease ${leaseSecs} s, ${IDLE} idle and ${BUSY} busy sessions\n`);
print(
  "| what happens | idle session served after | busy one | all | processes gone after | answered | lost, recorded once | broken rules |\n|---|---|---|---|---|---|---|---|",
);
for (const trial of TRIALS) {
  const { idleServedMs, busyServedMs, allServedMs, processesGoneMs, verdict } = await runTrial(
    trial,
    leaseSecs,
  );
  const times = [idleServedMs, busyServedMs, allServedMs, processesGoneMs].map((ms) => `${seconds(ms)} s`);
  print(
    `| ${[trial.name, ...times, verdict.acknowledged, verdict.lost, verdict.broken.join("; ") || "none"].join(" | ")} |`,
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
