/**
 * Runs the corpus of evasions in real shells, in a namespace of its own (namespace.sh; Linux, with zsh installed):
 *
 *   npx tsx test/plugins/approval/run-corpus.ts [--all]
 *
 * Of each command that the rules allow under `deny Bash(rm *)`, or of all, it says whether `rm` ran. Fails where it did
 * unasked, but for the other names at the end of the corpus.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Folders, verdictOf } from "./folders.js";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const lines = readFileSync(here("evasions.txt"), "utf8").trim().split("\n");
const heading = lines.findIndex((line) => line.startsWith("## "));
const dir = mkdtempSync(join(tmpdir(), "claudeway-corpus-"));
const folders = new Folders();
const allowed = new Set<number>();
try {
  for (const name of ["commands", "root"]) mkdirSync(join(dir, name));
  chmodSync(dir, 0o755);
  chmodSync(join(dir, "root"), 0o777);
  for (const [at, line] of lines.entries()) {
    if (at === heading) continue;
    const command = line.replaceAll("⏎", "\n");
    const rules = [{ deny: "Bash(rm *)" }, { allow: "Bash" }];
    if ((await verdictOf(folders.call("Bash", { command }, rules))) === "allow") allowed.add(at);
    else if (!process.argv.includes("--all")) continue;
    writeFileSync(join(dir, "commands", `${String(at).padStart(5, "0")}.cmd`), command);
  }
  const script = [here("namespace.sh"), join(dir, "commands"), join(dir, "root")];
  const output = execFileSync("bash", script, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const ran = new Set(output.split("\n").flatMap((line) => (line === "" ? [] : [Number.parseInt(line, 10)])));
  const unasked = [...ran].filter((at) => allowed.has(at) && at < heading);
  process.stdout.write(`${lines.length - 1} commands: ${allowed.size} allowed, ${ran.size} ran rm\n`);
  for (const at of unasked) process.stdout.write(`unasked: ${lines[at]}\n`);
  process.exitCode = unasked.length > 0 ? 1 : 0;
} finally {
  folders.remove();
  rmSync(dir, { recursive: true, force: true });
}
