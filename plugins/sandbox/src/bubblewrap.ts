import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

/** The first version with `--disable-userns`. */
const OLDEST = [0, 8];
const TRY_MS = 10_000;

const run = promisify(execFile);

/** The path of `bwrap`; throws with one line where it can't be used. */
export async function findBubblewrap(path: string | undefined): Promise<string> {
  if (process.platform !== "linux")
    throw new Error(`it works on Linux only, and this is ${process.platform}`);
  const found = (path ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "bwrap"))
    .find(isExecutable);
  if (found === undefined) {
    throw new Error("bwrap is not on the PATH; install bubblewrap, as in apt-get install bubblewrap");
  }
  const { stdout } = await run(found, ["--version"], { timeout: TRY_MS });
  const [major = 0, minor = 0] = (/\d+\.\d+/.exec(stdout)?.[0] ?? "").split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    throw new Error(`bubblewrap must be version ${OLDEST.join(".")} or newer, got ${stdout.trim()}`);
  }
  return found;
}

/** Runs `true` between the walls; throws with one line where this machine does not allow them. */
export async function tryWalls(
  bwrap: string,
  { before, walls, limits }: Readonly<Record<"before" | "walls" | "limits", readonly string[]>>,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  try {
    const [command = bwrap, ...args] = [...before, bwrap, ...walls, "--", ...limits, "true"];
    await run(command, args, { timeout: TRY_MS, env });
  } catch (error) {
    throw new Error(explained(error));
  }
}

function explained(error: unknown): string {
  const stderr: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "stderr") : "";
  const line =
    String(stderr ?? "")
      .trim()
      .split("\n")
      .at(-1) || String(error);
  const hint = HINTS.find(({ pattern }) => pattern.test(line))?.hint;
  return hint === undefined ? line : `${line} (${hint})`;
}

const HINTS = [
  {
    pattern: /uid map|user namespace|new namespace|unshare/i,
    hint: "this user may not create user namespaces: see kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces, or the seccomp profile of the container",
  },
  {
    pattern: /mount proc|on \/newroot\/proc/i,
    hint: "parts of /proc are hidden from the gateway: see the README about systemd and containers",
  },
];

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
