import { FAULTS } from "../test/cluster/faults.js";
import { type NemesisReport, nemesis } from "../test/cluster/nemesis.js";
import { Network } from "../test/cluster/network.js";
import { MACHINE } from "./machine.js";

/*
 * `npm run nemesis [minutes] [seed] [nodes] [lease in seconds]`: injects random faults into a cluster of real gateways on one PostgreSQL,
 * then compares its records with the answers to clients. Exits with 1 if a rule is broken.
 */

const [minutes = 2, seed = Date.now() % 1_000_000, nodes = 3, leaseSecs = 3] = process.argv
  .slice(2)
  .map(Number);
print(`${MACHINE}; ${nodes} nodes, a lease of ${leaseSecs} s, ${minutes} min, seed ${seed}`);
/** Safety rules that are taken out, as in `fence,epoch`. */
const without = process.env["NEMESIS_WITHOUT"];
if (without !== undefined) print(`without: ${without}`);
/** The only faults that happen, as in `killed,stopped and woken`. */
const only = process.env["NEMESIS_FAULTS"]?.split(",");
const network = await namespaces();
const report = await nemesis({
  network,
  seed,
  nodes,
  leaseSecs,
  ...(only !== undefined && { faults: FAULTS.filter(({ name }) => only.includes(name)), length: "long" }),
  ...(without !== undefined && { cluster: { without } }),
  ms: minutes * 60_000,
  signal: ending(),
  say: (line) => print(`  ${line}`),
}).catch((error: unknown) => {
  print(`ended: ${String(error)}`);
  process.exit(1);
});
printReport(report);
process.exitCode = report.verdict.broken.length > 0 ? 1 : 0;

/** Aborted by a signal to this process, so that no process and no namespace is left behind. */
function ending(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort(name));
  return controller.signal;
}

/** Undefined where this machine has none; then proxies break the ways. */
async function namespaces(): Promise<Network | undefined> {
  try {
    return await Network.open();
  } catch (error) {
    print(`no network namespaces, so proxies break the ways: ${String(error)}`);
    return undefined;
  }
}

function printReport({ verdict, history, faults, asked, decisions, budgets }: NemesisReport): void {
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
  print(
    `calls: ${list(decisions)}; ${asked.decided.length} decisions accepted, ${asked.late} too late, ${asked.parked.length} turns parked`,
  );
  print(`budgets: ${budgets.exhausted} used up, ${budgets.refused} turns refused for that`);
  print(broken.length === 0 ? `green (seed ${seed})` : `red (seed ${seed}): ${broken.length} broken rules`);
  for (const line of broken.slice(0, 40)) print(`  ${line}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
