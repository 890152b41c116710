import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMarked } from "#engine-claude/reaper.js";
import { MARK } from "../offers.js";

/** The behaviour of one run of the stand-in, in this order. */
export interface Behaviour {
  /** Printed first, in cloudflared's format. */
  readonly lines?: readonly string[];
  /** Bytes to print before the lines: without a newline, or as lines. */
  readonly flood?: { readonly bytes: number; readonly newlines: boolean };
  /** The responses of /ready; "hang" accepts the request and never responds. Empty: no /ready. */
  readonly ready?: readonly (number | "hang")[];
  /** Exits with this code after the lines; otherwise runs until it is stopped. */
  readonly exit?: number;
  readonly ignoreTerm?: true;
  /** Printed when it is stopped, before it exits. */
  readonly lastLines?: readonly string[];
  /** Starts a program in its own process group that ignores TERM too. */
  readonly child?: true;
}

/** One start of the stand-in, as it recorded it. */
export interface Start {
  readonly pid: number;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const SCRIPT = `#!${process.execPath}
const { appendFileSync, existsSync, readFileSync, writeSync } = require("node:fs");
const { createServer } = require("node:http");
const { spawn } = require("node:child_process");
const dir = __dirname;
const behaviours = JSON.parse(readFileSync(dir + "/behaviours.json", "utf8"));
const before = existsSync(dir + "/starts") ? readFileSync(dir + "/starts", "utf8").trim().split("\\n").length : 0;
appendFileSync(dir + "/starts", JSON.stringify({ pid: process.pid, args: process.argv.slice(2), env: process.env }) + "\\n");
const { lines = [], flood, ready, exit, ignoreTerm, lastLines = [], child } = behaviours[Math.min(before, behaviours.length - 1)];
process.on("SIGTERM", () => {
  for (const line of lastLines) writeSync(2, line + "\\n");
  if (!ignoreTerm) process.exit(0);
});
const HOLD = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
if (child) spawn(process.execPath, ["-e", HOLD], { stdio: "ignore" });
const print = (text) => new Promise((done) => process.stderr.write(text, done));
(async () => {
  for (let left = flood?.bytes ?? 0; left > 0; left -= 65536) await print((flood.newlines ? "x".repeat(99) + "\\n" : "x".repeat(100)).repeat(655));
  if (flood) await print("\\n");
  for (const line of lines) await print(line + "\\n");
  if (exit !== undefined) process.exit(exit);
  if (ready) {
    let looks = 0;
    createServer((request, response) => {
      const answer = ready[Math.min(looks++, ready.length - 1)];
      if (answer !== "hang") response.writeHead(answer).end(JSON.stringify({ status: answer, readyConnections: answer === 200 ? 1 : 0 }));
    }).listen(0, "127.0.0.1", function () {
      void print("2026-08-20T10:00:01Z INF Starting metrics server on 127.0.0.1:" + this.address().port + "/metrics\\n");
    });
  }
  setInterval(() => {}, 1000);
})();
`;

/** A fake cloudflared: prints what the real one prints, and fails on request. */
export class StandIn {
  readonly dir = mkdtempSync(join(tmpdir(), "claudeway-tunnel-"));
  readonly path = join(this.dir, "cloudflared");

  /** Sets the behaviour of each run; the last one applies to all further runs. */
  constructor(...behaviours: readonly Behaviour[]) {
    this.behave(...behaviours);
    this.install();
  }

  behave(...behaviours: readonly Behaviour[]): void {
    writeFileSync(join(this.dir, "behaviours.json"), JSON.stringify(behaviours));
  }

  install(): void {
    writeFileSync(this.path, SCRIPT);
    chmodSync(this.path, 0o755);
  }

  uninstall(): void {
    rmSync(this.path, { force: true });
  }

  get starts(): readonly Start[] {
    const file = join(this.dir, "starts");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  /** Its remaining processes and their children. */
  async left(): Promise<number[]> {
    return (await findMarked(`${MARK}.cloudflare_tunnel`)).map(({ pid }) => pid);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Output of cloudflared, from its sources and from public logs of 2022 to 2026. */
export const SAYS = {
  thanks:
    "2026-08-20T10:00:00Z INF Thank you for trying Cloudflare Tunnel. Doing so, without a Cloudflare account, is a quick way to experiment and try it out. If you intend to use Tunnels in production you should use a pre-created named tunnel by following: https://developers.cloudflare.com/cloudflare-one/connections/connect-apps",
  requesting: "2026-08-20T10:00:00Z INF Requesting new quick Tunnel on trycloudflare.com...",
  box: (url: string) => [
    "2026-08-20T10:00:01Z INF +--------------------------------------------------------------------------------------------+",
    "2026-08-20T10:00:01Z INF |  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |",
    `2026-08-20T10:00:01Z INF |  ${url.padEnd(88)}  |`,
    "2026-08-20T10:00:01Z INF +--------------------------------------------------------------------------------------------+",
  ],
  registered:
    "2026-08-20T10:00:02Z INF Registered tunnel connection connIndex=0 connection=5c94b68c-6732-40c1-9b49-9f8f6c23521d event=0 ip=198.41.192.67 location=las01 protocol=quic",
  registeredIn2022:
    "2022-06-01T16:23:12Z INF Connection c206cf44-945f-4c3c-a85c-af60c6338dc2 registered connIndex=0 location=ORD",
  starting: "2026-08-20T10:00:00Z INF Starting tunnel tunnelID=d5ee487b-1b70-4839-97f3-a5ba8960e430",
  settings: "2026-08-20T10:00:00Z INF Settings: map[no-autoupdate:true token:*****]",
  rules: (ingress: readonly object[], version = 3) =>
    `2026-08-20T10:00:02Z INF Updated to new configuration config=${JSON.stringify(JSON.stringify({ ingress, "warp-routing": { enabled: false } }))} version=${version}`,
  noInternet:
    'failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": dial tcp: lookup api.trycloudflare.com: no such host',
  emptyConfig: "2026-08-20T10:00:00Z ERR Configuration file /dev/null was empty",
  badToken: "Provided Tunnel token is not valid.",
  usage: "See 'cloudflared tunnel run --help'.",
  /** Blocked DNS: the reason, advice logged as an error, and the reason again at the end. */
  noEdge: [
    '2026-08-20T10:00:00Z ERR edge discovery: error looking up Cloudflare edge IPs: the DNS query failed error="lookup _v2-origintunneld._tcp.argotunnel.com: no such host" event=0',
    "2026-08-20T10:00:00Z ERR Please try the following things to diagnose this issue: event=0",
    '2026-08-20T10:00:00Z ERR   1. ensure that argotunnel.com is returning "origintunneld" service records. event=0',
    "2026-08-20T10:00:00Z ERR      Run your system's equivalent of: dig srv _origintunneld._tcp.argotunnel.com event=0",
    "2026-08-20T10:00:00Z ERR      https://developers.cloudflare.com/1.1.1.1/setting-up-1.1.1.1/ event=0",
  ],
  noQuic: [
    '2026-08-20T10:00:00Z ERR Failed to dial a quic connection error="timeout: no recent network activity" connIndex=0',
    "2026-08-20T10:00:00Z WRN If this log occurs persistently, and cloudflared is unable to connect to Cloudflare Network with `quic` protocol, then most likely your egress UDP to port 7844 is blocked.",
    "If you are using private routing to this Tunnel, then ICMP, UDP (and Private DNS Resolution) will not work unless your cloudflared can connect with Cloudflare Network with `quic`. connIndex=0",
  ],
  quick(url = "https://ten-towns-join-fast.trycloudflare.com"): readonly string[] {
    return [SAYS.thanks, SAYS.requesting, ...SAYS.box(url), SAYS.registered];
  },
} as const;
