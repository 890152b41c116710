import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { debianProgram } from "./debian.js";
import { freePort } from "./free-port.js";
import { run } from "./temporary.js";

/** Debian's user without rights: PostgreSQL does not run as root. */
const NOBODY = 65534;
const VERSIONS = [18, 17, 16, 15, 14];

/** A PostgreSQL server of the tests' own. */
export interface PostgresServer {
  readonly port: number;
  /** Its main process. Throws while it does not run. */
  readonly pid: number;
  /** The URL of a database, which is made if it does not exist. */
  urlOf(database: string): Promise<string>;
  /** Ends all its processes at once, without writing anything more. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** The path of another `initdb` than Debian's. */
  readonly initdb?: string | undefined;
  /** Commits wait for the disk. */
  readonly durable?: boolean;
  /** Default: 127.0.0.1. */
  readonly address?: string | undefined;
  /** A command that starts it, as root: where that address is, or within limits. */
  readonly prefix?: readonly string[];
}

/** The path of Debian's `initdb`. Installs PostgreSQL if it is missing. */
function debianInitdb(): Promise<string> {
  return debianProgram({
    names: VERSIONS.map((version) => `/usr/lib/postgresql/${version}/bin/initdb`),
    package: "postgresql",
  });
}

/** Makes a server in a folder of its own, on a free port of this machine. Installs PostgreSQL if it is missing. */
export async function startPostgres(options: ServerOptions = {}): Promise<PostgresServer> {
  const initdb = options.initdb ?? (await debianInitdb());
  const folder = mkdtempSync(join(run, "postgres-"));
  const data = join(folder, "data");
  mkdirSync(data, { mode: 0o700 });
  for (const owned of [folder, data]) if (isRoot()) chownSync(owned, NOBODY, NOBODY);
  await finished(initdb, [
    "-D",
    data,
    "-A",
    "trust",
    "-U",
    "claudeway",
    "--no-sync",
    "--locale=C.UTF-8",
    "-E",
    "UTF8",
  ]);
  const port = await freePort();
  const { address = "127.0.0.1", prefix = [], durable = false } = options;
  if (address !== "127.0.0.1") appendFileSync(join(data, "pg_hba.conf"), "host all all all trust\n");
  const server = new Server(join(dirname(initdb), "postgres"), folder, port, durable, address, prefix);
  await server.start();
  return server;
}

class Server implements PostgresServer {
  #child: ReturnType<typeof spawn> | undefined;

  constructor(
    private readonly postgres: string,
    private readonly folder: string,
    readonly port: number,
    private readonly durable: boolean,
    private readonly address: string,
    private readonly prefix: readonly string[],
  ) {}

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("PostgreSQL does not run");
    return this.#child.pid;
  }

  async urlOf(database: string): Promise<string> {
    const client = new pg.Client({ connectionString: this.#url("postgres") });
    await client.connect();
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`);
    await client.end();
    return this.#url(database);
  }

  async start(): Promise<void> {
    const options = ["-D", join(this.folder, "data"), "-p", String(this.port), "-k", this.folder];
    const settings = [
      `listen_addresses=${this.address}`,
      `fsync=${this.durable ? "on" : "off"}`,
      "shared_buffers=16MB",
      "max_connections=100",
    ];
    const [command, ...args] = [
      ...this.prefix,
      ...(this.prefix.length === 0 ? [] : userCommand()),
      this.postgres,
      ...options,
      ...settings.flatMap((one) => ["-c", one]),
    ];
    const child = spawn(command ?? this.postgres, args, {
      ...(this.prefix.length === 0 && user()),
      cwd: this.folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    const lines = createInterface({ input: child.stderr });
    const said: string[] = [];
    for await (const line of lines) {
      said.push(line);
      if (/ready to accept (?:read-only )?connections/.test(line)) {
        child.stderr.resume();
        return;
      }
    }
    throw new Error(`PostgreSQL did not start:\n${said.join("\n")}`);
  }

  async kill(): Promise<void> {
    await this.#end("SIGQUIT");
  }

  async close(): Promise<void> {
    await this.#end("SIGINT");
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  #url(database: string): string {
    return `postgres://claudeway@${this.address}:${this.port}/${database}`;
  }
}

async function finished(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { ...user(), cwd: "/", stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}

function user(): { readonly uid?: number; readonly gid?: number } {
  return isRoot() ? { uid: NOBODY, gid: NOBODY } : {};
}

/** What root starts a command with that is to run as this user. */
function userCommand(): string[] {
  return isRoot() ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
