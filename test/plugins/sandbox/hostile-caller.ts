// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what the file takes
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TurnResponse } from "@claudeway/schemas";
import { bash, Conversation } from "../../e2e/conversation.js";
import { KEYS, TestGateway } from "../../e2e/gateway.js";
import { eventually, PATIENCE_MS } from "../../e2e/poll.js";
import { guardOf, readProcess } from "../../e2e/processes.js";
import { ATTACKS, type Attack } from "./attacks.js";

const CHECKOUT = fileURLToPath(new URL("../../../core/cli/bin/claudeway.js", import.meta.url));

/** `nobody`, where the tests are root and that user can run the gateway; else undefined. */
export const USER =
  process.getuid?.() === 0 && [process.execPath, CHECKOUT].every(isOpenToOthers) ? 65_534 : undefined;

/** What is tried by the user that the gateway runs as. */
export const TRIED = ATTACKS.filter(
  ({ notAsRoot }) => notAsRoot !== true || USER !== undefined || process.getuid?.() !== 0,
);

function isOpenToOthers(path: string): boolean {
  const real = realpathSync(path);
  const parent = dirname(real);
  const found = statSync(real);
  const isOpen = (found.mode & (found.isDirectory() ? 0o001 : 0o004)) !== 0;
  return isOpen && (parent === real || isOpenToOthers(parent));
}

function isAlone({ endsTurn, alone }: Attack): boolean {
  return endsTurn !== undefined || alone === true;
}

/** Also what can't be listed, or has a path that is too long for Node. */
function removeAnyhow(path: string): void {
  execFileSync("chmod", ["-R", "u+rwx", path]);
  execFileSync("rm", ["-rf", path]);
}

/** The plugin's section in tests. */
export const SANDBOX = `
[plugins.sandbox]
enabled = true
tmp_mb = 32
file_mb = 64
processes = 256
memory_mb = 700
disk_mb = 128
cpu_secs = 1000
read_only = ${JSON.stringify([dirname(process.execPath)])}
`;

const CONFIG = `# canary-configuration
[engine]
config_dirs = "per_key"
spares = 0
[keys.admin.env]
ANTHROPIC_API_KEY = "\${ADMIN_ACCOUNT}"
`;

/** What must not be seen. */
const SECRET = /canary|REACHED|sk-admin-/;

/** Searches the writable memory of a process for the admin's key. */
const MEMORY = `
const { openSync, readFileSync, readSync } = require("node:fs");
const pid = process.argv[2];
const memory = openSync("/proc/" + pid + "/mem", "r");
for (const line of readFileSync("/proc/" + pid + "/maps", "utf8").split("\\n")) {
  const [, from, to] = /^(\\w+)-(\\w+) rw/.exec(line) ?? [];
  const [start, end] = [parseInt(from, 16), parseInt(to, 16)];
  if (!(end - start < 64e6)) continue;
  const buffer = Buffer.alloc(end - start);
  try { readSync(memory, buffer, 0, buffer.length, start); } catch { continue; }
  const at = buffer.indexOf("sk-" + "admin-");
  if (at !== -1) { console.log(buffer.toString("latin1", at, at + 20)); break; }
}
`;

/** Keeps a secret in the keyring of the user, or finds it there or in that of the session: neither is in a namespace. */
const KEYRING = `
my ($add, $keyctl) = ${process.arch === "arm64" ? "(217, 219)" : "(248, 250)"};
my ($type, $name, $secret) = ("user", "claudeway-test", "canary-keyring");
exit(syscall($add, $type, $name, $secret, length($secret), -4) < 0) if $ARGV[0] eq "keep";
for my $ring (-3, -4) {
  my $found = "\\0" x 64;
  my $length = syscall($keyctl, 11, syscall($keyctl, 10, $ring, $type, $name, 0), $found, 64);
  print substr($found, 0, $length > 0 ? $length : 0), "\\n";
}
`;

/** A gateway with two keys, one of which is hostile. */
export class HostileCaller {
  /** How the turns of attempts that have one of their own ended, by their index. */
  readonly codes = new Map<number, string>();
  readonly #random = `name${randomUUID().slice(0, 8)}`;
  #server: Server | undefined;
  #segment = "";

  private constructor(
    readonly gateway: TestGateway,
    readonly admin: Conversation,
    readonly bob: Conversation,
    /** The pid of another key's CLI. */
    readonly other: number,
    private readonly plugin: string,
  ) {}

  static async start(plugin: string): Promise<HostileCaller> {
    const gateway = await TestGateway.start({
      config: CONFIG + plugin,
      env: { GATEWAY_CANARY: "canary-variable", ADMIN_ACCOUNT: "canary-account-0123456789", IS_SANDBOX: "1" },
      ...(USER !== undefined && { user: USER }),
    });
    try {
      const admin = await Conversation.start(gateway, { system_prompt: "canary-ledger" });
      await admin.say("[[say canary-said]]");
      const [other = 0] = await gateway.children();
      const bob = await Conversation.start(gateway, {}, KEYS.bob);
      const caller = new HostileCaller(gateway, admin, bob, other, plugin);
      await caller.#prepare();
      return caller;
    } catch (error) {
      await gateway.dispose();
      throw error;
    }
  }

  get #tmpFile(): string {
    return `/tmp/${this.#random}-other`;
  }

  get #shmFile(): string {
    return `/dev/shm/${this.#random}-other`;
  }

  async #prepare(): Promise<void> {
    const { dir, dataDir } = this.gateway;
    this.#put(join(this.admin.workdir, "notes.txt"), "canary-notes");
    this.#put(join(dataDir, "claude", "admin", ".credentials.json"), "canary-credentials");
    for (const name of [".ssh", ".aws"]) mkdirSync(join(dir, name));
    this.#put(join(dir, ".ssh", "id_test"), "canary-ssh");
    this.#put(join(dir, ".aws", "credentials"), "canary-aws");
    this.#put(this.#tmpFile, "canary-tmp");
    this.#put(this.#shmFile, "canary-shm");
    this.#put(join(this.bob.workdir, "memory.cjs"), MEMORY);
    for (const { workdir } of [this.admin, this.bob]) this.#put(join(workdir, "keyring.pl"), KEYRING);
    await this.admin.say(bash("perl keyring.pl keep"));
    // In the sandbox the turn is ended meanwhile, on a busy machine not at once.
    const pauseMs = this.plugin === "" ? 2000 : PATIENCE_MS;
    this.#put(join(this.bob.workdir, "pause.cjs"), `setTimeout(() => {}, ${pauseMs});`);
    this.#segment =
      /\d+/.exec(execFileSync("ipcmk", ["-M", "64", "-p", "0666"], { encoding: "utf8" }))?.[0] ?? "";
    this.#server = createServer((socket) => socket.end("canary-socket"));
    await new Promise<void>((resolve) => this.#server?.listen(join(dir, "agent.sock"), resolve));
    chmodSync(join(dir, "agent.sock"), 0o666);
  }

  #put(path: string, text: string): void {
    writeFileSync(path, text);
    if (USER !== undefined) chownSync(path, USER, USER);
  }

  /** Runs all attempts in one tool call of the hostile key. Resolves to those that got through. */
  async attack(): Promise<string[]> {
    const { dir, pid } = this.gateway;
    const variables = {
      DIR: dir,
      PID: pid,
      GUARD: guardOf(this.gateway),
      OTHER: this.other,
      ADMIN: this.admin.workdir,
      RANDOM_NAME: this.#random,
      TMPFILE: this.#tmpFile,
      SHMFILE: this.#shmFile,
      SHMID: this.#segment,
      NODE: process.execPath,
    };
    const header = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
    const lines = TRIED.map((attack, index) => {
      const { command } = attack;
      if (isAlone(attack)) return `: > out/${index}`;
      const quoted = command.replaceAll("'", "'\\''");
      // Without the sandbox everything has to work, on a busy machine too.
      const secs = this.plugin === "" ? 30 : 8;
      return `timeout -k 1 ${secs} bash -c '${quoted}' > out/${index} 2>&1 < /dev/null`;
    });
    this.#put(
      join(this.bob.workdir, "attack.sh"),
      ["mkdir -p out", ...header, ...lines, "touch finished"].join("\n"),
    );
    const { body } = await this.bob.say(`${bash("bash attack.sh")} [[say over]]`, {
      key: KEYS.bob,
      timeoutSecs: 200,
    });
    if (!existsSync(join(this.bob.workdir, "finished"))) {
      const last = TRIED[readdirSync(join(this.bob.workdir, "out")).length - 1]?.what;
      throw new Error(
        `not finished after ${last}: ${JSON.stringify(body)}; ${this.gateway.stderr.slice(-4000)}`,
      );
    }
    for (const [index, attack] of TRIED.entries())
      if (isAlone(attack)) await this.#attackAlone(header, attack, index);
    const found = TRIED.filter((attack, index) => this.#gotThrough(attack, index)).map(({ what }) => what);
    const survivors = await this.#survivors();
    return [...found, ...survivors];
  }

  /** Runs one attempt in a turn of its own. */
  async #attackAlone(header: readonly string[], { command, endsTurn }: Attack, index: number): Promise<void> {
    this.#put(join(this.bob.workdir, "alone.sh"), [...header, command].join("\n"));
    const prompt = `${bash(`bash alone.sh > out/${index} 2>&1`, 2 * PATIENCE_MS)} [[say over]]`;
    const { body } = await this.bob.say(prompt, { key: KEYS.bob, timeoutSecs: (2 * PATIENCE_MS) / 1000 });
    if (endsTurn !== undefined) this.codes.set(index, body.success ? "success" : (body.code ?? "none"));
    for (const name of readdirSync(this.bob.workdir))
      if (/^(part|many)/.test(name)) removeAnyhow(join(this.bob.workdir, name));
    const folder = join(this.gateway.dataDir, "claude", "bob");
    for (const name of readdirSync(folder)) if (/^part/.test(name)) rmSync(join(folder, name));
  }

  /** What an attempt printed. */
  output(what: string): string {
    const index = TRIED.findIndex((attack) => attack.what === what);
    return readFileSync(join(this.bob.workdir, "out", String(index)), "utf8");
  }

  #gotThrough({ creates }: Attack, index: number): boolean {
    const output = readFileSync(join(this.bob.workdir, "out", String(index)), "latin1");
    if (SECRET.test(output)) return true;
    if (creates === undefined) return false;
    const path = creates
      .replace("$DIR", this.gateway.dir)
      .replace("$ADMIN", this.admin.workdir)
      .replace("$RANDOM_NAME", this.#random);
    return existsSync(path);
  }

  /** Ends the hostile session, and finds what still runs of it. */
  async #survivors(): Promise<string[]> {
    await this.gateway.fetch(this.bob.path, { method: "DELETE", key: KEYS.bob });
    return TRIED.filter(({ survives }) => survives !== undefined && this.#leftovers().length > 0).map(
      ({ what }) => what,
    );
  }

  #leftovers(): number[] {
    const pids = readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0);
    return pids.filter((pid) => readProcess(pid, "cmdline").split("\0").includes(this.#random));
  }

  /** Runs one command in a turn of the hostile key. */
  async run(command: string): Promise<TurnResponse> {
    return (await this.bob.say(bash(command), { key: KEYS.bob, timeoutSecs: 60 })).body;
  }

  async dispose(): Promise<void> {
    for (const pid of this.#leftovers()) process.kill(pid, "SIGKILL");
    await eventually("the leftovers gone", async () => this.#leftovers().length === 0);
    this.#server?.close();
    if (this.#segment !== "") execFileSync("ipcrm", ["-m", this.#segment]);
    for (const folder of ["/tmp", "/var/tmp", "/dev/shm"]) {
      for (const name of readdirSync(folder)) {
        if (name.includes(this.#random)) rmSync(join(folder, name), { force: true });
      }
    }
    await this.gateway.dispose();
  }
}
