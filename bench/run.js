import { spawnSync } from "node:child_process";

// `npm run bench`: all of them; `npm run bench -- turns 5`: one, with its arguments.
const [name, ...args] = process.argv.slice(2);
for (const bench of name === undefined ? ["turns", "kernel", "ledger", "dashboard"] : [name]) {
  const { status } = spawnSync(
    process.execPath,
    ["--conditions=unbundled", "--import=tsx", `bench/${bench}.ts`, ...args],
    {
      stdio: "inherit",
    },
  );
  if (status !== 0) process.exitCode = 1;
}
