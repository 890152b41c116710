import { type ChaosReport, chaos } from "./chaos.js";
import type { Finding } from "./chaos-books.js";
import { MACHINE } from "./machine.js";

/* `npm run chaos [minutes] [seed]`: prints a table of turns; ends with 1 if one of them was recorded wrong. */

const COLUMNS: readonly Finding[] = [
  "exact",
  "delivered",
  "guessed",
  "unheard",
  "nothing",
  "not begun",
  "wrong",
];

const [minutes = 20, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
process.stdout.write(`${MACHINE}; ${minutes} min, seed ${seed}\n`);
const report = await chaos(minutes, seed);
print(report);
process.exitCode = report.wrong.length > 0 ? 1 : 0;

function print({ table, wrong, kills, stops }: ChaosReport): void {
  const rows = Object.entries(table).map(([act, counts]) => ({ act, counts }));
  const turns = (counts: Partial<Record<Finding, number>>) =>
    Object.values(counts).reduce((sum, count) => sum + count, 0);
  const sums = COLUMNS.map((column) => rows.reduce((sum, { counts }) => sum + (counts[column] ?? 0), 0));
  const lines = [
    `the gateway was killed ${kills} times and stopped ${stops} times`,
    "",
    `| | turns | ${COLUMNS.join(" | ")} |`,
    `|---|---|${COLUMNS.map(() => "---|").join("")}`,
    ...rows.map(
      ({ act, counts }) =>
        `| ${act} | ${turns(counts)} | ${COLUMNS.map((column) => counts[column] ?? 0).join(" | ")} |`,
    ),
    `| **all** | ${sums.reduce((sum, count) => sum + count, 0)} | ${sums.join(" | ")} |`,
    "",
    wrong.length === 0 ? "no turn was recorded wrong" : `${wrong.length} were recorded wrong:`,
    ...wrong.slice(0, 40),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
