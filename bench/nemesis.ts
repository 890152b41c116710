import { type NemesisReport, nemesis } from "../test/cluster/nemesis.js";
import { MACHINE } from "./machine.js";

/*
 * `npm run nemesis [minutes] [seed] [nodes]`: injects random faults into a cluster of real gateways on one PostgreSQL,
 * then compares its records with the answers to clients. Exits with 1 if a rule is broken.
 */

const [minutes = 2, seed = Date.now() % 1_000_000, nodes = 3] = process.argv.slice(2).map(Number);
print(`${MACHINE}; ${nodes} nodes, ${minutes} min, seed ${seed}`);
const report = await nemesis({ seed, nodes, ms: minutes * 60_000, say: (line) => print(`  ${line}`) });
printReport(report);
process.exitCode = report.verdict.broken.length > 0 ? 1 : 0;

function printReport({ verdict, history, faults }: NemesisReport): void {
  const { acknowledged, completed, lost, otherwise, burials, broken } = verdict;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${count} × ${name}`)
      .join(", ");
  print(`\nfaults: ${list(faults)}`);
  print(`${history.sent} prompts sent; ${acknowledged} answered, ${list(history.refused)}`);
  print(
    `in the books: ${completed} completed, ${lost} lost, ${otherwise} ended otherwise; ${burials} burials`,
  );
  print(broken.length === 0 ? `green (seed ${seed})` : `red (seed ${seed}): ${broken.length} broken rules`);
  for (const line of broken.slice(0, 40)) print(`  ${line}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
