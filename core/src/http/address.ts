import { once } from "node:events";
import { createServer } from "node:net";
import { ConfigError, type LoadedConfig } from "@claudeway/config";

/** Checks that the address can be listened on, before anything is opened. Rejects with Node's error if it can't. */
export async function tryAddress(host: string, port: number): Promise<void> {
  const server = createServer();
  server.listen(port, host);
  await once(server, "listening");
  server.close();
  await once(server, "close");
}

/** What Node said about an address, in one line for the operator; any other error as it is. */
export function explainListening(error: unknown, { config: { host, port }, origins }: LoadedConfig): unknown {
  const { host: hostOrigin = "--host", port: portOrigin = "--port" } = origins;
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "EADDRINUSE":
      return new ConfigError(
        `${portOrigin}: is ${port}, which is in use on ${host}; takes another one, or 0 for any free one`,
      );
    case "EACCES":
      return new ConfigError(
        `${portOrigin}: is ${port}, which takes more rights than this user has; takes one from 1024 on`,
      );
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
    case "EAI_AGAIN":
    case "EINVAL":
    case "ENOTFOUND":
      return new ConfigError(
        `${hostOrigin}: is ${JSON.stringify(host)}; takes an address of this machine, such as 127.0.0.1`,
      );
    default:
      return error;
  }
}
