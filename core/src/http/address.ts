import { once } from "node:events";
import { createServer } from "node:net";
import { ConfigError, type LoadedConfig } from "@claudeway/config";

/**
 * Checks that the gateway can listen on the address, before anything is opened. Rejects with Node's error otherwise.
 */
export async function tryAddress(host: string, port: number): Promise<void> {
  const server = createServer();
  server.listen(port, host);
  await once(server, "listening");
  server.close();
  await once(server, "close");
}

/** Files and folders have errors with the same codes. */
const ADDRESS_CALLS: ReadonlySet<unknown> = new Set(["listen", "bind", "getaddrinfo"]);

/** Converts Node's error about an address to one line for the operator; any other error is returned unchanged. */
export function explainListening(error: unknown, { config: { host, port }, origins }: LoadedConfig): unknown {
  const { host: hostOrigin = "--host", port: portOrigin = "--port" } = origins;
  if (!(error instanceof Error && "code" in error && "syscall" in error)) return error;
  if (!ADDRESS_CALLS.has(error.syscall)) return error;
  switch (error.code) {
    case "EADDRINUSE":
      return new ConfigError(
        `${portOrigin} must be a free port, got ${port}, which is in use on ${host}; use another one, or 0 for any free one`,
      );
    case "EACCES":
      return new ConfigError(`${portOrigin} must be at least 1024 for this user, got ${port}`);
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
    case "EAI_AGAIN":
    case "EINVAL":
    case "ENOTFOUND":
      return new ConfigError(
        `${hostOrigin} must be an address of this machine, such as 127.0.0.1, got ${JSON.stringify(host)}`,
      );
    default:
      return error;
  }
}
