import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";

/** A git command that failed. */
export class GitError extends Error {
  override readonly name = "GitError";

  constructor(
    /** The last line of git's own output that explains it, without control characters. */
    readonly reason: string,
    readonly end: "failed" | "unreachable" | "stopped" | "limit" = "failed",
  ) {
    super(reason);
  }
}

export interface GitRun {
  readonly args: readonly string[];
  readonly cwd?: string;
  /** In addition to the environment that every command gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Settings in addition to those that every command gets. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Written to file descriptor 3, for the program that git asks for a password. */
  readonly secret?: string;
  readonly signal: AbortSignal;
  /** Called every half second while git runs; git is ended once it resolves to true. */
  readonly isTooLarge?: () => Promise<boolean>;
  /** Receives each piece of the output instead of collecting it; git is ended once it returns false. */
  readonly read?: (chunk: string) => boolean;
}

/** Runs git. Resolves to its output; rejects with a GitError. */
export type Git = (run: GitRun) => Promise<string>;

/** The environment of the gateway that git needs: to find programs, and the network. */
const PASSED = [
  "PATH",
  "HTTPS_PROXY",
  "https_proxy",
  "HTTP_PROXY",
  "http_proxy",
  "NO_PROXY",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
];

/**
 * Settings of every command. They go through the environment, which overrides the configuration files: no hooks, no
 * programs of a repository's choice, no other protocols, no redirects to other hosts.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "core.protectHFS": "true",
  "core.protectNTFS": "true",
  "credential.helper": "",
  "protocol.allow": "never",
  "http.followRedirects": "false",
  "http.lowSpeedLimit": "1",
  "http.lowSpeedTime": "60",
  "submodule.recurse": "false",
  "fetch.recurseSubmodules": "false",
  // Everything into packs, so that their folder alone has to be measured.
  "fetch.unpackLimit": "1",
  "transfer.fsckObjects": "true",
  // Faults of old commits that harm nothing.
  "fetch.fsck.zeroPaddedFilemode": "ignore",
  "fetch.fsck.badTimezone": "ignore",
  "fetch.fsck.missingSpaceBeforeDate": "ignore",
  "gc.auto": "0",
  "maintenance.auto": "false",
  "advice.detachedHead": "false",
};

const MAX_OUTPUT = 1024 * 1024;
const CHECK_MS = 500;

/** Git with a home of its own: no settings of the machine or of a user. */
export function gitWith({
  home,
  mark,
}: {
  readonly home: string;
  readonly mark: Readonly<Record<string, string>>;
}): Git {
  const passed = PASSED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const base = {
    ...Object.fromEntries(passed),
    ...mark,
    HOME: home,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    SSH_ASKPASS_REQUIRE: "never",
    GIT_PROTOCOL_FROM_USER: "0",
    GIT_OPTIONAL_LOCKS: "0",
  };
  return (run) => runGit({ ...base, ...run.env, ...asVariables({ ...SETTINGS, ...run.settings }) }, run);
}

function asVariables(settings: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(settings).flatMap(([name, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, name],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { ...Object.fromEntries(entries), GIT_CONFIG_COUNT: String(Object.keys(settings).length) };
}

async function runGit(env: Record<string, string>, run: GitRun): Promise<string> {
  const { args, cwd, secret, signal, read } = run;
  if (signal.aborted) throw new GitError("it was stopped", "stopped");
  // A group of its own: git starts further programs, and all of them are ended together.
  const child = spawn("git", args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe", "pipe"] });
  // Before anything else: where no file can be opened, the child has no streams, and an error without a listener is fatal.
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  const { pid } = child;
  let ended: GitError["end"] | undefined;
  const end = (why: NonNullable<typeof ended>) => {
    ended ??= why;
    if (pid !== undefined) killGroup(pid);
  };
  const stop = () => end("stopped");
  signal.addEventListener("abort", stop);
  const watched = new AbortController();
  if (run.isTooLarge !== undefined) void watch(run.isTooLarge, () => end("limit"), watched.signal);
  giveSecret(child.stdio?.[3], secret);
  let out = "";
  let complaint = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    if (read === undefined) out += chunk;
    if (out.length > MAX_OUTPUT || read?.(chunk) === false) end("limit");
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    complaint = (complaint + chunk).slice(-4000);
  });
  try {
    const status = await closed;
    if (ended !== undefined)
      throw new GitError(ended === "limit" ? "it is too large" : "it was stopped", ended);
    if (status !== 0)
      throw new GitError(reasonOf(complaint), UNREACHABLE.test(complaint) ? "unreachable" : "failed");
    return out;
  } catch (error) {
    throw error instanceof GitError ? error : new GitError(`git could not be started: ${String(error)}`);
  } finally {
    signal.removeEventListener("abort", stop);
    watched.abort();
    // What git has started may have outlived it.
    if (pid !== undefined) killGroup(pid);
  }
}

/** What curl and ssh say where a host has no address, or does not answer. */
const UNREACHABLE =
  /\b(?:could not resolve (?:host|proxy|hostname)|failed to connect to|couldn't connect to server|connection (?:refused|timed out|reset by peer)|no route to host|network is unreachable)/i;

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

async function watch(
  isTooLarge: () => Promise<boolean>,
  end: () => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await delay(CHECK_MS, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted && (await isTooLarge().catch(() => false))) end();
  }
}

/** Git asks again for each of its connections; each answer is one line. */
const ANSWERS = 8;

function giveSecret(pipe: unknown, secret: string | undefined): void {
  if (!(typeof pipe === "object" && pipe !== null && "end" in pipe && typeof pipe.end === "function")) return;
  if ("on" in pipe && typeof pipe.on === "function") pipe.on("error", () => undefined);
  pipe.end(secret === undefined ? "" : `${secret}\n`.repeat(ANSWERS));
}

/** Git explains a failure in the lines that begin with `fatal:` or `error:`; the host's own lines may be anything. */
function reasonOf(complaint: string): string {
  const lines = complaint.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  const line = lines.findLast((one) => /^(fatal|error|ERROR):/.test(one)) ?? lines.at(-1) ?? "git failed";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return line.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, " ").slice(0, 300);
}
