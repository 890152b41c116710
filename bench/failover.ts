import { OUTAGES, runOutage } from "../test/cluster/outage.js";
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
for (const outage of OUTAGES) {
  const lease = outage.isFenced ? leaseSecs : leaseSecs * 3;
  const { firstServedMs, allServedMs, processesGoneMs, answers, verdict } = await runOutage(outage, lease);
  const gone = processesGoneMs === undefined ? "turns go on" : `${seconds(processesGoneMs)} s`;
  print(
    `${outage.name} (${seconds(outage.leases * lease * 1000)} s of a lease of ${lease} s): after its return the first session served ` +
      `after ${seconds(firstServedMs)} s, all after ${seconds(allServedMs)} s; processes gone after: ${gone}; answers of the turns: ` +
      `${answers.join(", ")}; lost ${verdict.lost}, ended otherwise ${verdict.otherwise}, buried ${verdict.burials}, broken rules: ${verdict.broken.join("; ") || "none"}`,
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
