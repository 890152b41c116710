import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { MARKER_VARIABLE } from "@claudeway/core/marker";
import type { ChildNote, ProcessGuard } from "@claudeway/ports";
import type { Logger } from "pino";

/** How long a guard may take to end after `close`, in ms. */
const END_MS = 1000;
/** A guard that died is replaced after this long, in ms: twice as long each time, while it does not stay. */
const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 60_000;
/** A guard that ran for this long, in ms, counts as stable. */
const STAYED_MS = 10_000;
/** How often a guard looks whether the gateway may still work, in seconds. */
const LOOK_SECS = 0.25;
/** A guard that does not read is replaced when this much is buffered for it, in bytes. */
const MAX_UNREAD = 64 * 1024;

/*
 * The script of the guard. A shell needs a fortieth of the memory of a Node process, and blocks in `read`. It acts when its
 * standard input ends without the word `closed`, because the gateway is then dead. A silent or suspended gateway keeps the
 * pipe open.
 *
 * First it stops the known CLIs with SIGSTOP, which halts their tool calls within a millisecond or two. (It does not kill
 * them yet, because processes of their tools are found through their relatives.) Then Node finds and kills everything with
 * the marker; even if that fails, the CLIs are killed in the end. Reused pids are recognised by their start time and left
 * alone. (File descriptors that the gateway inherited, such as sockets of a service manager, are closed first.)
 *
 * A gateway of a cluster says how long it may work on (`work`, in hundredths of a second). If it does not say so again in that
 * time, because it hangs, is suspended or is cut off, a watcher does the same. The time is the machine's uptime, which goes on
 * while the machine sleeps. The watcher is a process of its own, because a shell's `read` has no timeout; without the reader it
 * ends, because another guard then takes over.
 *
 * $1: Node. $2: the sweep. $3: the marker's prefix. $4: how often the watcher looks, in seconds.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
node=$1 sweep=$2 prefix=$3 tick=$4
children=
watcher=
is_same() {
  { read -r stat <"/proc/\${1%:*}/stat"; } 2>/dev/null || return 1
  set -- "\${1#*:}" \${stat##*) }
  [ "$1" = "\${21}" ]
}
signal_all() {
  for child in $children; do is_same "$child" && kill "-$1" "-\${child%:*}"; done
}
drop() {
  kept=
  for child in $children; do [ "$child" = "$1" ] || kept="$kept $child"; done
  children=$kept
}
end_all() {
  signal_all STOP
  "$node" "$sweep" "$prefix" </dev/null
  signal_all KILL
}
uptime() {
  read -r now rest </proc/uptime
  now=\${now%.*}\${now#*.}
}
watch() {
  while uptime; [ "$now" -lt "$1" ]; do
    sleep "$tick"
    kill -0 $$ || exit 0
  done
  end_all
}
unwatch() {
  [ -n "$watcher" ] || return 0
  kill -KILL "$watcher"
  wait "$watcher"
  watcher=
}
while read -r word child; do
  case $word in
    began) children="$children $child" ;;
    ended) drop "$child" ;;
    work)
      unwatch
      uptime
      watch $((now + child)) &
      watcher=$!
      ;;
    closed)
      unwatch
      exit 0
      ;;
  esac
done
unwatch
end_all
`;

/**
 * Ends what a gateway leaves behind when it is killed: a small process in a session of its own, so that no signal to
 * the gateway's process group reaches it. It holds the other end of a pipe, nothing else of the gateway's: no socket,
 * no file, no variable of its environment. A guard that dies is replaced, and `close` ends it. Linux only: elsewhere
 * processes can't be found by their marker, and nothing is started.
 */
export class OrphanGuard implements ProcessGuard {
  readonly #children = new Map<number, string>();
  #shell: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #restartMs = FIRST_RESTART_MS;
  /** Until when the gateway may work, by `performance.now()`; undefined outside a cluster. */
  #until: number | undefined;
  #closed = false;

  /** @param prefix begins the markers of this gateway's children, and of no other's */
  constructor(
    private readonly prefix: string,
    private readonly log: Logger,
  ) {
    if (process.platform === "linux") this.#start();
  }

  /** The guard's process, while there is one. */
  get pid(): number | undefined {
    return this.#shell?.pid;
  }

  began({ pid, startTime }: Pick<ChildNote, "pid" | "startTime">): void {
    const child = `${pid}:${startTime}`;
    this.#children.set(pid, child);
    this.#tell(`began ${child}`);
  }

  ended({ pid }: Pick<ChildNote, "pid">): void {
    const child = this.#children.get(pid);
    if (child === undefined) return;
    this.#children.delete(pid);
    this.#tell(`ended ${child}`);
  }

  mayWork(leftMs: number): void {
    this.#until = performance.now() + leftMs;
    this.#tellUntil();
  }

  renew(): void {
    this.#until = undefined;
    const shell = this.#shell;
    if (shell?.pid === undefined) return;
    this.#shell = undefined;
    // With its watcher and a sweep that is under way: they are one process group.
    try {
      process.kill(-shell.pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
    this.#start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    const shell = this.#shell;
    if (shell === undefined) return;
    const gone = once(shell, "exit");
    const late = setTimeout(() => shell.kill("SIGKILL"), END_MS);
    shell.stdin?.end("closed\n");
    await gone;
    clearTimeout(late);
  }

  #start(): void {
    const outer = process.env[MARKER_VARIABLE];
    const sweep = fileURLToPath(new URL("./sweep.js", import.meta.url));
    const shell = spawn(
      "/bin/sh",
      ["-c", SCRIPT, "claudeway-guard", process.execPath, sweep, this.prefix, String(LOOK_SECS)],
      // The mark of a gateway around this one, which ends the guard with everything else that is below it.
      {
        cwd: "/",
        env: outer === undefined ? {} : { [MARKER_VARIABLE]: outer },
        detached: true,
        stdio: ["pipe", "ignore", "ignore"],
      },
    );
    this.#shell = shell;
    const startedAt = performance.now();
    shell.once("error", (error) => this.#gone(shell, error, startedAt));
    shell.once("exit", (code, signal) =>
      this.#gone(shell, new Error(`it ended with ${signal ?? `exit code ${code}`}`), startedAt),
    );
    // Its exit reports this as well. Where no file can be opened, it has no streams.
    shell.stdin?.on("error", () => undefined);
    for (const child of this.#children.values()) this.#tell(`began ${child}`);
    this.#tellUntil();
  }

  #gone(shell: ChildProcess, why: Error, startedAt: number): void {
    if (this.#shell !== shell) return;
    this.#shell = undefined;
    if (this.#closed) return;
    if (performance.now() - startedAt > STAYED_MS) this.#restartMs = FIRST_RESTART_MS;
    this.log.warn(
      { err: why, restart_ms: this.#restartMs },
      "the guard of child processes died; restarting it",
    );
    this.#restart = setTimeout(() => this.#start(), this.#restartMs);
    this.#restartMs = Math.min(this.#restartMs * 2, MAX_RESTART_MS);
  }

  #tellUntil(): void {
    if (this.#until === undefined) return;
    const leftMs = this.#until - performance.now();
    this.#tell(`work ${Math.max(0, Math.floor(leftMs / 10))}`);
  }

  #tell(line: string): void {
    const stdin = this.#shell?.stdin;
    if (!stdin?.writable) return;
    stdin.write(`${line}\n`);
    if (stdin.writableLength > MAX_UNREAD) this.#shell?.kill("SIGKILL");
  }
}
