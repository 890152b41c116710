import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Exchanges } from "./exchanges.js";

const WEBSOCKET = "websocket";
/** What only means something together with the upgrade (RFC 7540, 3.2.1). */
const UPGRADE_FIELDS: ReadonlySet<string> = new Set(["upgrade", "http2-settings"]);

/** Whether a request with `Upgrade` means a WebSocket. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return tokensOf(headers.upgrade ?? "").some((token) => token.toLowerCase() === WEBSOCKET);
}

/**
 * Answers a request that offers another protocol, as `curl --http2` does with h2c, as if it didn't (RFC 9110, 7.8). Node
 * takes every such request off its server where anybody listens for WebSockets; here it is put back, without the offer.
 */
export function declineOtherUpgrades(server: Server, exchanges: Exchanges): void {
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (asksForWebSocket(request)) return;
    // Sent ahead of an answer that is still under way: the two would get mixed up.
    if (exchanges.any(socket)) {
      socket.destroy();
      return;
    }
    socket.unshift(Buffer.concat([headOf(request), head]));
    server.emit("connection", socket);
  });
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
