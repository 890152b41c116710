import { once } from "node:events";
import type { Server } from "node:net";

/** The port of a listening server. */
export async function listeningPort(server: Server): Promise<number> {
  if (!server.listening) await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}
