import { type ApiKey, shortSecretWarnings } from "@claudeway/config";

import type { RunningGateway } from "@claudeway/core/host";

/** The start-up summary for the operator, as plain lines. */
export function banner(
  version: string,
  { address, claude, approvalMode, kernel }: RunningGateway,
  keys: readonly ApiKey[],
): string {
  const on = kernel.status().filter(({ state }) => state === "on");
  const origin = claude.origin === "bundled" ? "comes with the Agent SDK" : claude.path;
  return [
    `Claudeway v${version} listening on ${address.host}:${address.port} (${address.url})`,
    `  Claude CLI ${claude.version} (${origin})`,
    `  Permissions: ${approvalMode.line}`,
    ...shortSecretWarnings(keys).map((warning) => `  Warning: ${warning}`),
    `  Plugins: ${on.map(({ name }) => name).join(", ") || "none"}`,
    ...on.flatMap(({ notices }) => notices.map((notice) => `  ${notice}`)),
    "",
  ].join("\n");
}
