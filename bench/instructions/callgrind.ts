import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** Called by os.hostname: by pino when it is loaded, and then by `GET /mark` alone. */
const MARK = "uv_os_gethostname";
/** One thread, and nothing random or decided by time: compilers and collections come at the same points in each run. */
const NODE_FLAGS = [
  ...["--single-threaded", "--predictable-gc-schedule", "--hash-seed=1", "--random-seed=1"],
  // Compiling would take most of the time, and what is compiled depends on how long the warm-up was.
  ...["--no-opt", "--no-sparkplug"],
  // No collection of the whole heap: its steps would be counted with the requests that they fall between.
  ...["--initial-old-space-size=1024", "--no-incremental-marking"],
];
const START_MS = 600_000;

/** Whether callgrind runs here; installs it where Debian's packages can be installed. */
export function hasCallgrind(): boolean {
  if (runs("valgrind", "--version")) return true;
  if (process.getuid?.() !== 0 || !runs("apt-get", "--version")) return false;
  const install = ["install", "-y", "--no-install-recommends", "valgrind"];
  if (!runs("apt-get", ...install)) {
    runs("apt-get", "update");
    runs("apt-get", ...install);
  }
  return runs("valgrind", "--version");
}

function runs(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore", timeout: 120_000 }).status === 0;
}

export interface Sent {
  readonly method?: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A Node program under callgrind that listens, says where on stdout, and answers `GET /mark`. */
export class Counted {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #url = new URL("http://localhost");
  #said = "";
  #parts = 0;

  private constructor(
    private readonly child: ChildProcess,
    private readonly dir: string,
    private readonly mark: Sent,
  ) {}

  static async start(
    args: readonly string[],
    { dir, env, mark }: { readonly dir: string; readonly env: NodeJS.ProcessEnv; readonly mark: Sent },
  ): Promise<Counted> {
    mkdirSync(dir, { recursive: true });
    const callgrind = [
      "--tool=callgrind",
      // The start would take most of the time.
      "--instr-atstart=no",
      `--dump-before=${MARK}`,
      `--callgrind-out-file=${join(dir, "counts")}`,
    ];
    const child = spawn("valgrind", [...callgrind, process.execPath, ...NODE_FLAGS, ...args], {
      cwd: dir,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const counted = new Counted(child, dir, mark);
    await counted.#listening();
    return counted;
  }

  async #listening(): Promise<void> {
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#said += text));
    const deadline = Date.now() + START_MS;
    for (;;) {
      const url = /\((http:\S+)\)/.exec(this.#said)?.[1];
      if (url !== undefined) {
        this.#url = new URL(url);
        return;
      }
      if (this.child.exitCode !== null || Date.now() > deadline) throw new Error(`no start: ${this.#said}`);
      await sleep(100);
    }
  }

  /** Sends a request on the one connection, and reads the answer to its end. */
  async send(what: Sent): Promise<{ status: number; text: string }> {
    const { hostname, port } = this.#url;
    const { method = "GET", path, headers = {}, body } = what;
    const sent = request({ hostname, port, method, path, agent: this.#agent, headers }).end(body);
    const [answer] = await once(sent, "response").catch((error: NodeJS.ErrnoException) => {
      // On a busy machine, the program takes a connection for an idle one before it has read the request.
      if (error.code === "ECONNRESET") return [undefined];
      throw error;
    });
    if (answer === undefined) return this.send(what);
    let text = "";
    for await (const piece of answer.setEncoding("utf8")) text += piece;
    return { status: answer.statusCode, text };
  }

  /** Counts from now on. */
  async beginCounting(): Promise<void> {
    await promisify(execFile)("callgrind_control", ["-i", "on", String(this.child.pid)]);
  }

  /** Ends a part: what was counted since the last one. */
  async endPart(): Promise<void> {
    const { status } = await this.send(this.mark);
    if (status !== 200) throw new Error(`/mark: ${status}`);
    this.#parts++;
  }

  /** Ends the program; resolves to the instructions of each part. */
  async end(): Promise<number[]> {
    this.#agent.destroy();
    if (this.child.exitCode === null) {
      const ended = once(this.child, "exit");
      this.child.kill("SIGTERM");
      await ended;
    }
    return readdirSync(this.dir)
      .flatMap((file) => /^counts\.(\d+)$/.exec(file)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b)
      .slice(-this.#parts)
      .map((part) => totalOf(readFileSync(join(this.dir, `counts.${part}`), "utf8")));
  }
}

function totalOf(counts: string): number {
  const total = /^(?:totals|summary): (\d+)/m.exec(counts)?.[1];
  if (total === undefined) throw new Error("callgrind wrote no total");
  return Number(total);
}
