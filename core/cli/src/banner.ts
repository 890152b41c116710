import { isIP } from "node:net";
import { type ApiKey, shortSecretWarnings } from "@claudeway/config";
import { type RunningGateway, whatToOpen } from "@claudeway/core/host";

const OPEN_PORT =
  "the port is open to the network, without TLS; behind a proxy or a tunnel, use --host 127.0.0.1";

/** The start-up summary for the operator, as plain lines. `keyFile` has a generated key, if one was written to a file. */
export function banner(
  version: string,
  { address, claude, approvalMode, kernel }: RunningGateway,
  keys: readonly ApiKey[],
  keyFile: string | undefined,
): string {
  const on = kernel.status().filter(({ state }) => state === "on");
  const origin = claude.origin === "bundled" ? "comes with the Agent SDK" : claude.path;
  const warnings = [...shortSecretWarnings(keys), ...(isLoopback(address.host) ? [] : [OPEN_PORT])];
  return [
    `Claudeway v${version} listening on ${address.host}:${address.port} (${address.url})`,
    `  Claude CLI ${claude.version} (${origin})`,
    `  Permissions: ${approvalMode.line}`,
    ...(keyFile === undefined ? [] : [`  Key: none is configured; one was generated, see ${keyFile}`]),
    ...warnings.map((warning) => `  Warning: ${warning}`),
    `  Plugins: ${on.map(({ name }) => name).join(", ") || "none"}`,
    ...on.flatMap(({ notices }) => notices.map((notice) => `  ${notice}`)),
    ...whatToOpen(kernel.routes, address.url).map((line) => `  ${line}`),
    "",
  ].join("\n");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
