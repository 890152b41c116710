import { MACHINE } from "./machine.js";
import { inMb } from "./probe.js";
import { type SoakReport, soak } from "./soak.js";

/* `npm run soak [minutes] [seed]`: a mixed load; exits with 1 if anything went wrong. */

const [minutes = 20, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
process.stdout.write(`${MACHINE}; ${minutes} min, seed ${seed}\n`);
const report = await soak(minutes, seed);
print(report);
process.exitCode = report.wrong.length > 0 || report.unended > 0 || report.integrity !== "ok" ? 1 : 0;

function print({ done, wrong, samples, ...rest }: SoakReport): void {
  const lines = [
    "",
    ...Object.entries(done).map(([what, count]) => `${what}: ${count}`),
    "",
    `processes: at most ${rest.mostProcesses} of ${rest.maxProcesses}`,
    `sessions: ${rest.sessions}, of these with an estimate: ${rest.estimated}; turns without an end: ${rest.unended}`,
    `ledger: ${rest.integrity}`,
    "",
    "| at | held | in RAM | handles | files |",
    "|---|---|---|---|---|",
    ...samples
      .map(({ held, rss, handles, files }, index) => {
        const at = ((index + 1) * rest.minutes) / (samples.length + 1);
        return `| ${at.toFixed(1)} min | ${inMb(held)} | ${inMb(rss)} | ${handles} | ${files} |`;
      })
      .filter((_, index) => index % 4 === 0 || index === samples.length - 1),
    "",
    wrong.length === 0 ? "nothing went wrong" : `${wrong.length} went wrong:`,
    ...wrong.slice(0, 50),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
