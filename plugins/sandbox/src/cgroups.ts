import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { SandboxConfig } from "./config.js";
import { read } from "./processes.js";

/** What limits sandboxes; without these, cgroups are not used. */
const NEEDED = ["memory", "pids"];
/** What can limit processor time too. */
const CONTROLLERS = ["cpu", ...NEEDED];
/** Where the gateway's own processes are: a cgroup with controllers for others must have no processes itself. */
const OWN = "gateway";
const MIB = 1024 * 1024;
const FAILED = "the CLI was not started: it could not be put into a cgroup of its own";
/** How long a cgroup must be empty before it is removed, in ms: one that was just made waits for its program. */
const EMPTY_MS = 5000;
/** The period of `cpu.max`, in microseconds. */
const PERIOD_US = 100_000;

interface Log {
  warn(fields: object, message: string): void;
}

type Limits = Pick<SandboxConfig, "memory_mb" | "processes" | "cpus">;

/** What decides whether the gateway may make cgroups: given in tests. */
export interface CgroupPlace {
  /** The folder of the gateway's own cgroup. */
  readonly folder: string;
  /** Whether it may be divided: a service manager or a container has delegated it, or it is the machine's root. */
  readonly delegated: boolean;
}

/**
 * The cgroup of this process in version 2, also where the machine has both versions; undefined without version 2. Once it
 * is divided, this process and those that it is restarted by are below it, in `gateway`.
 */
export function ownCgroup(
  files: { readonly mountinfo: string; readonly cgroup: string } = {
    mountinfo: read("/proc/self/mountinfo", "utf8"),
    cgroup: read("/proc/self/cgroup", "utf8"),
  },
  isRoot = process.getuid?.() === 0,
  service = process.env["INVOCATION_ID"] !== undefined,
): CgroupPlace | undefined {
  const mount = files.mountinfo.split("\n").find((line) => / - cgroup2 /.test(line));
  const point = mount?.split(" ")[4];
  const current = /^0::(.*)$/m.exec(files.cgroup)?.[1];
  if (point === undefined || current === undefined || current.includes("..")) return undefined;
  const path = basename(current) === OWN ? dirname(current) : current;
  // Another user can write only to what was delegated. Root can write everywhere, and must not disturb systemd.
  const delegated = !isRoot || path === "/" || (service && path.endsWith(".service"));
  return { folder: join(point, path), delegated };
}

/** Cgroups below the gateway's own, one for each sandbox. */
export class Cgroups {
  /** Cgroups that are empty, and since when. */
  readonly #empty = new Map<string, number>();

  private constructor(
    private readonly folder: string,
    private readonly prefix: string,
    private readonly limits: Limits,
    private readonly hasCpu: boolean,
    private readonly log: Log,
  ) {}

  /** Why cgroups can't be used; undefined if they can. Changes nothing. */
  static problem(place: CgroupPlace | undefined): string | undefined {
    if (place === undefined) return "there is no cgroup of version 2";
    const { folder, delegated } = place;
    if (!delegated) return `${folder} is not delegated to the gateway`;
    const available = wordsOf(join(folder, "cgroup.controllers"));
    const missing = NEEDED.filter((name) => !available.includes(name));
    if (missing.length > 0) return `${folder} has no controller for ${missing.join(" and ")}`;
    try {
      accessSync(folder, constants.W_OK);
      accessSync(join(folder, "cgroup.subtree_control"), constants.W_OK);
    } catch {
      return `${folder} can't be written to`;
    }
    return undefined;
  }

  /**
   * Moves what is in the gateway's cgroup into one below it, and ends what an earlier gateway of this owner left.
   *
   * @param owner in the names of its cgroups: another gateway that was started beside it has its own in the same one
   * @param again whether this process has opened it before: sandboxes in it are those of its turns
   */
  static open({ folder }: CgroupPlace, owner: string, limits: Limits, log: Log, again = false): Cgroups {
    const available = wordsOf(join(folder, "cgroup.controllers"));
    const wanted = CONTROLLERS.filter((name) => available.includes(name));
    const enabled = wordsOf(join(folder, "cgroup.subtree_control"));
    // Only the machine's root cgroup has no type, and can have processes beside its children.
    if (existsSync(join(folder, "cgroup.type"))) moveOwn(folder);
    const missing = wanted.filter((name) => !enabled.includes(name));
    if (missing.length > 0) {
      writeFileSync(join(folder, "cgroup.subtree_control"), missing.map((name) => `+${name}`).join(" "));
    }
    const cgroups = new Cgroups(folder, `cli-${owner}-`, limits, wanted.includes("cpu"), log);
    if (!again)
      for (const left of cgroups.#made()) tryTo(() => writeFileSync(join(left, "cgroup.kill"), "1"));
    cgroups.sweep();
    return cgroups;
  }

  /**
   * What runs a program in a cgroup of its own, made as it starts: the same arguments for every process. Another user, who
   * can't make one, runs it without, and what it uses is measured. For the gateway's user, the start fails if it has none.
   */
  get command(): readonly string[] {
    const { memory_mb, processes, cpus } = this.limits;
    const values = [
      ...(memory_mb > 0 ? [["memory.max", String(memory_mb * MIB)] as const] : []),
      ["pids.max", String(processes)] as const,
      ...(cpus > 0 && this.hasCpu
        ? [["cpu.max", `${Math.round(cpus * PERIOD_US)} ${PERIOD_US}`] as const]
        : []),
    ];
    const steps = [
      // An earlier process may have had the same id.
      'mkdir -p "$d"',
      ...values.map(([file, value]) => `echo ${value} > "$d/${file}"`),
      'echo $$ > "$d/cgroup.procs"',
    ];
    // These two are not on every machine.
    const more = memory_mb > 0 ? 'echo 1 > "$d/memory.oom.group"; echo 0 > "$d/memory.swap.max"; ' : "";
    const script = [
      `d="$0/${this.prefix}$$"`,
      `if [ -w "$0" ]; then { ${steps.join(" && ")}; } 2> /dev/null || { echo "${FAILED}" >&2; exit 1; }`,
      `{ ${more}:; } 2> /dev/null; fi`,
      'exec "$@"',
    ].join("; ");
    return ["/bin/sh", "-c", script, this.folder];
  }

  /** Throws if a program can't be put into a cgroup. */
  tryOut(): void {
    const [sh = "", ...args] = this.command;
    const { status, stderr, error } = spawnSync(sh, [...args, "true"], { encoding: "utf8" });
    if (status !== 0) throw error ?? new Error(stderr.trim());
  }

  /** Removes the cgroups of processes that have ended. */
  sweep(): void {
    const made = this.#made();
    for (const known of [...this.#empty.keys()]) if (!made.includes(known)) this.#empty.delete(known);
    for (const folder of made) this.#sweepOne(folder);
  }

  #sweepOne(made: string): void {
    if (/^populated 1$/m.test(read(join(made, "cgroup.events")))) {
      this.#empty.delete(made);
      return;
    }
    const since = this.#empty.get(made);
    if (since === undefined) {
      this.#empty.set(made, performance.now());
      const killed = Number(/^oom_kill (\d+)$/m.exec(read(join(made, "memory.events")))?.[1] ?? 0);
      if (killed > 0) this.log.warn({ cgroup: made }, "a sandbox exceeded its limits and was killed");
    } else if (performance.now() - since > EMPTY_MS) tryTo(() => rmdirSync(made));
  }

  #made(): string[] {
    try {
      const names = readdirSync(this.folder).filter((name) => name.startsWith(this.prefix));
      return names.map((name) => join(this.folder, name));
    } catch {
      return [];
    }
  }
}

function moveOwn(folder: string): void {
  const own = join(folder, OWN);
  mkdirSync(own, { recursive: true });
  for (const pid of wordsOf(join(folder, "cgroup.procs"))) {
    // One at a time; some may have ended.
    tryTo(() => writeFileSync(join(own, "cgroup.procs"), pid));
  }
}

function wordsOf(path: string): string[] {
  return read(path).split(/\s+/).filter(Boolean);
}

function tryTo(act: () => void): void {
  try {
    act();
  } catch {
    // A process or cgroup may have ended meanwhile; the next sweep removes what is left.
  }
}
