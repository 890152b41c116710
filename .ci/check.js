import { spawnSync } from "node:child_process";
import { crossedBoundaries } from "./boundaries.js";
import { longLines } from "./long-lines.js";

const STEPS = [
  ["format and lint", ["npx", "biome", "check", "--error-on-warnings", "."]],
  ["types", ["npx", "tsc", "-b"]],
  ["types of the dashboard's pages", ["npm", "run", "--silent", "check:web", "-w", "plugins/dashboard"]],
  ["reference drift", ["node", "core/scripts/reference.js", "--check"]],
  ["schema drift", ["node", "schemas/scripts/generate.js", "--check"]],
];

const failed = STEPS.filter(([name, [command, ...args]]) => {
  process.stdout.write(`${name}\n`);
  return spawnSync(command, args, { stdio: "inherit" }).status !== 0;
}).map(([name]) => name);

for (const [name, find] of [
  ["import boundaries", crossedBoundaries],
  ["lines of Markdown pages", longLines],
]) {
  process.stdout.write(`${name}\n`);
  const found = find(".");
  for (const line of found) process.stdout.write(`  ${line}\n`);
  if (found.length > 0) failed.push(name);
}

process.stdout.write(failed.length === 0 ? "all clean\n" : `failed: ${failed.join(", ")}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
