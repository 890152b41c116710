import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Exchanges } from "./exchanges.js";

const WEBSOCKET = "websocket";
/** Headers that only have a meaning together with the upgrade (RFC 7540, 3.2.1). */
const UPGRADE_FIELDS: ReadonlySet<string> = new Set(["upgrade", "http2-settings"]);

/** Whether a request with `Upgrade` means a WebSocket. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return tokensOf(headers.upgrade ?? "").some((token) => token.toLowerCase() === WEBSOCKET);
}

export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * Passes WebSocket handshakes on. A request that offers another protocol, as `curl --http2` does with h2c, is answered
 * as if it had not (RFC 9110, 7.8). Node detaches every upgrade request from its server once there is a WebSocket
 * listener, so it is put back here without the offer. Both wait for the answers to earlier requests on their
 * connection.
 */
export function takeUpgrades(server: Server, exchanges: Exchanges, webSocket?: UpgradeListener): void {
  server.on("upgrade", async (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    await finishAnswers(server, exchanges, socket);
    if (!socket.writable) socket.destroy();
    else if (webSocket !== undefined && asksForWebSocket(request)) webSocket(request, socket, head);
    else {
      socket.unshift(Buffer.concat([headOf(request), head]));
      server.emit("connection", socket);
    }
  });
}

/** Handles responses in progress as Node did before it detached the connection. */
export async function finishAnswers(server: Server, exchanges: Exchanges, socket: Duplex): Promise<void> {
  if (!exchanges.any(socket)) return;
  const onDrain = () => exchanges.current(socket)?.emit("drain");
  const onTimeout = () => server.emit("timeout", socket);
  const onError = () => socket.destroy();
  socket.on("drain", onDrain).on("timeout", onTimeout).on("error", onError);
  await exchanges.answered(socket);
  socket.off("drain", onDrain).off("timeout", onTimeout);
  // An error without a listener would end the process.
  if (!socket.destroyed) socket.off("error", onError);
}

/** The request's line and header fields, without the offer. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    const kept = name.toLowerCase() === "connection" ? withoutOffer(value) : value;
    if (!UPGRADE_FIELDS.has(name.toLowerCase())) lines.push(`${name}: ${kept}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

function withoutOffer(connection: string): string {
  return tokensOf(connection)
    .filter((token) => !UPGRADE_FIELDS.has(token.toLowerCase()))
    .join(", ");
}

function tokensOf(list: string): string[] {
  return list.split(",").map((token) => token.trim());
}
