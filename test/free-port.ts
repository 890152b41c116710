import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that Linux gives to outgoing connections and to port 0 (32768 on, ip_local_port_range). */
const FIRST = 12_000;
const COUNT = 20_000;

let next = Math.floor(Math.random() * COUNT);

/**
 * A port of 127.0.0.1 that a program can listen on in a moment. One that the system itself gave out may be given to
 * another connection before that.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + (next++ % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error("no free port");
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
