import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { debianProgram } from "../debian.js";
import { freePort } from "../free-port.js";

const DEPLOY = new URL("../../deploy/", import.meta.url);
const START_MS = 150_000;

export type ProxyName = "nginx" | "caddy";

export interface ProxyOptions {
  /** A folder that the proxy may fill. */
  readonly dir: string;
  /** Where the gateway listens. */
  readonly gatewayPort: number;
  /** Where a second gateway of a cluster listens: the proxy then runs with the file for clusters. */
  readonly secondPort?: number;
  /** Where the gateway is to be found on the proxy's host: `/` or, say, `/claude/`. */
  readonly path?: string;
  /** How long nginx waits for the gateway's answer, in seconds, instead of the file's more than a day. */
  readonly waitSecs?: number;
}

/** A proxy that runs with the file that is shipped, with other names, ports and folders. */
export interface RunningProxy {
  /** As in https://localhost:1234, without the path. */
  readonly url: string;
  /** Of the certificate that it shows. */
  readonly certificate: string;
  /** What it has printed. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts the proxy from Debian's package, as its file in deploy/ has it. */
export async function startProxy(name: ProxyName, options: ProxyOptions): Promise<RunningProxy> {
  const port = await freePort();
  mkdirSync(options.dir, { recursive: true });
  const certificateFile = await makeCertificate(options.dir);
  const command = name === "nginx" ? await nginx(options, port) : await caddy(options, port);
  const { log, stop } = await runProxy(command, port, options.dir);
  const certificate = readFileSync(certificateFile, "utf8");
  return { url: `https://localhost:${port}`, certificate, log, stop };
}

/** Starts a proxy's program; resolves when it listens. */
export async function runProxy(
  { program, args }: { readonly program: string; readonly args: readonly string[] },
  port: number,
  dir: string,
): Promise<Pick<RunningProxy, "log" | "stop">> {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (printed += String(text)));
  const stop = () => end(child);
  if (!(await listens(port, child))) {
    await stop();
    throw new Error(`${program} does not listen: ${printed}`);
  }
  return { log: () => printed, stop };
}

/** The file that is shipped, with the addresses of this machine's gateways. */
function shippedFor(name: string, { gatewayPort, secondPort }: ProxyOptions): string {
  if (secondPort === undefined)
    return readFileSync(new URL(name, DEPLOY), "utf8").replaceAll(
      "127.0.0.1:3000",
      `127.0.0.1:${gatewayPort}`,
    );
  return readFileSync(new URL(`cluster/${name}`, DEPLOY), "utf8")
    .replace("10.0.0.5:3000", `127.0.0.1:${gatewayPort}`)
    .replace("10.0.0.6:3000", `127.0.0.1:${secondPort}`);
}

async function nginx(options: ProxyOptions, port: number) {
  const { dir, path = "/", waitSecs } = options;
  const site = shippedFor("nginx.conf", options)
    .replace(/(?<=^ *)listen 443 ssl/m, `listen 127.0.0.1:${port} ssl`)
    .replace("claude.example.com;", "localhost;")
    .replace("/etc/ssl/claude.example.com.pem", join(dir, "cert.pem"))
    .replace("/etc/ssl/private/claude.example.com.key", join(dir, "key.pem"))
    .replace(/location \/(?:session\/|task)? \{[^}]*/g, (location) => below(location, path))
    .replaceAll(/(?<=proxy_read_timeout )\d+s/g, (shipped) =>
      waitSecs === undefined ? shipped : `${waitSecs}s`,
    );
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${join(dir, kind)};`,
  );
  const file = join(dir, "nginx.conf");
  writeFileSync(
    file,
    [
      "daemon off;",
      ...(process.getuid?.() === 0 ? ["user root;"] : []),
      `pid ${join(dir, "nginx.pid")};`,
      "error_log stderr info;",
      "events {}",
      "http {",
      "access_log off;",
      ...temporary,
      site,
      "}",
    ].join("\n"),
  );
  const program = await debianProgram({ names: ["nginx", "/usr/sbin/nginx"], package: "nginx-light" });
  return { program, args: ["-p", dir, "-c", file] };
}

async function caddy(options: ProxyOptions, port: number) {
  const { dir, path = "/" } = options;
  const shipped = shippedFor("Caddyfile", options).replace(
    "claude.example.com {",
    `https://localhost:${port} {\n\ttls ${dir}/cert.pem ${dir}/key.pem`,
  );
  const site =
    path === "/"
      ? shipped
      : shipped.replace(/^\t@files [\s\S]*?(?=^\thandle_errors)/m, `\thandle_path ${path}* {\n$&\t}\n`);
  const file = join(dir, "Caddyfile");
  writeFileSync(file, `{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n${site}`);
  const program = await debianProgram({ names: ["caddy"], package: "caddy" });
  return { program, args: ["run", "--adapter", "caddyfile", "--config", file] };
}

/** One of nginx's locations, below a path of the site. */
function below(location: string, path: string): string {
  if (path === "/") return location;
  const [, name = ""] = /^location \/(\S*)/.exec(location) ?? [];
  return location
    .replace(/^location \S+/, `location ${path}${name}`)
    .replace(/(?<=proxy_pass \S+);/, `/${name};`);
}

async function makeCertificate(dir: string): Promise<string> {
  const openssl = await debianProgram({ names: ["openssl"], package: "openssl" });
  const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const form = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert];
  await promisify(execFile)(openssl, ["req", ...form, ...subject]);
  return cert;
}

async function listens(port: number, child: ChildProcess): Promise<boolean> {
  const deadline = Date.now() + START_MS;
  while (child.exitCode === null && Date.now() < deadline) {
    const socket = connect(port, "127.0.0.1");
    const open = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return true;
    await sleep(50);
  }
  return false;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
