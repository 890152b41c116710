import type { ListenAddress } from "@claudeway/core";
import type { TunnelConfig } from "./config.js";

/** The command line and environment of cloudflared. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Flags of both kinds of tunnels: ignore the user's config file, whose rules could lead elsewhere and whose `loglevel`
 * could hide the output read here; no automatic update; /ready on a free port; a short grace period.
 */
const COMMON = [
  ...["--config", "/dev/null", "--loglevel", "info"],
  ...["--no-autoupdate", "--metrics", "127.0.0.1:0", "--grace-period", "2s"],
];

/** Environment variables that cloudflared needs. All others, which may be secrets, are withheld. */
const HANDED_DOWN =
  /^(PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|TUNNEL_(TRANSPORT_PROTOCOL|EDGE_IP_VERSION|REGION))$/i;

/**
 * The command line for a quick tunnel to `origin`, or for a named tunnel. Its token is passed in the environment, because
 * every user can read argument lists.
 */
export function commandFor(
  program: string,
  { tunnel_token: token }: TunnelConfig,
  { origin, mark }: { readonly origin: string; readonly mark: Command["env"] },
): Command {
  const env = { ...handedDown(process.env), ...mark };
  if (token !== undefined) {
    return { program, args: ["tunnel", ...COMMON, "run"], env: { ...env, TUNNEL_TOKEN: token } };
  }
  return { program, args: ["tunnel", ...COMMON, "--url", origin], env };
}

/** The gateway's URL for a program on this machine. */
export function originOf({ host, port }: ListenAddress): string {
  if (host === "0.0.0.0") return `http://127.0.0.1:${port}`;
  if (host === "::") return `http://[::1]:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function handedDown(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && HANDED_DOWN.test(name) ? [[name, value] as const] : [],
  );
  return Object.fromEntries(entries);
}
