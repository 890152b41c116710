import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SOURCES = new URL("./python/", import.meta.url).pathname;
const CACHE = new URL("../../node_modules/.cache/claudeway-clients/", import.meta.url).pathname;

/** The Python of an environment with the clients, made from PyPI once for each version of the list. */
export async function pythonWithClients(): Promise<string> {
  const list = join(SOURCES, "requirements.txt");
  const digest = createHash("sha256")
    .update(await readFile(list))
    .digest("hex")
    .slice(0, 16);
  const folder = join(CACHE, digest);
  const python = join(folder, "bin", "python");
  const made = join(folder, "made");
  if (existsSync(made)) return python;
  await mkdir(CACHE, { recursive: true });
  await rm(folder, { recursive: true, force: true });
  await run("python3", ["-m", "venv", folder]);
  await run(
    python,
    ["-m", "pip", "install", "--quiet", "--no-compile", "--only-binary", ":all:", "-r", list],
    {
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  await writeFile(made, "");
  return python;
}

/** Whether PyPI can be reached, the way pip reaches it. */
export async function hasPypi(): Promise<boolean> {
  return await run("python3", [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--no-deps",
    "--dest",
    CACHE,
    "sniffio==1.3.1",
  ])
    .then(() => true)
    .catch(() => false);
}

/** Runs a client's cases; the error of each that failed, null for one that passed. */
export async function runCases(
  python: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, string | null>> {
  const child = spawn(python, args, { cwd: SOURCES, env, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.on("data", (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    err += data.toString();
  });
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${err.slice(-4000)}`);
  const lines = out.split("\n").filter((line) => line.startsWith("RESULT "));
  return new Map(
    lines.map((line) => {
      const { case: name, error }: { case: string; error: string | null } = JSON.parse(line.slice(7));
      return [name, error];
    }),
  );
}

/** What a program prints. */
export async function runProgram(python: string, program: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await run(python, ["-c", program], { env });
  return stdout;
}
