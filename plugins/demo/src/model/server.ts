import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { Account } from "./exchange.js";
import { type DealtUsage, type ModelRequest, type ModelTotals, RequestLog } from "./records.js";
import { respond } from "./respond.js";

export interface ScriptedModelOptions {
  /** The port on 127.0.0.1; 0, the default, picks a free one. */
  readonly port?: number;
  /** Milliseconds before each answer begins; 0 by default. */
  readonly latencyMs?: number;
  /** How many requests, and how many usages, are kept; 200 by default. */
  readonly keepRequests?: number;
  /** How many UTF-16 units of their texts are kept; 8 million by default. */
  readonly keepChars?: number;
  /** Called for an unsupported request, which was answered with 404. */
  readonly onUnknown?: (method: string, path: string) => void;
}

/** A running scripted model. */
export interface ScriptedModel {
  /** For `ANTHROPIC_BASE_URL`. */
  readonly url: string;
  readonly port: number;
  /** The usages of the last messages, oldest first. */
  dealt(): readonly DealtUsage[];
  /** The last requests, oldest first. */
  requests(): readonly ModelRequest[];
  /** Sums by model since the start. */
  totals(): Readonly<Record<string, ModelTotals>>;
  /** Ends every connection and frees the port. */
  close(): Promise<void>;
}

/** Starts a Messages API on loopback whose answers follow the directives in the prompts. */
export async function startScriptedModel(options: ScriptedModelOptions = {}): Promise<ScriptedModel> {
  const log = new RequestLog(options.keepRequests ?? 200, options.keepChars ?? 8_000_000);
  const attempts = new Map<string, number>();
  const account: Account = {};
  const server = createServer((request, response) => {
    respond({ request, response, log, attempts, account, options }).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  // A live CLI keeps its connection for the next turn; closing it in between would look like a failure.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  const port = await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    dealt: () => log.dealt(),
    requests: () => log.requests(),
    totals: () => log.totals(),
    close: () => close(server),
  };
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const reason = code === "EADDRINUSE" ? "that port is in use" : String(error);
    throw new Error(`the scripted model cannot listen on 127.0.0.1:${port}: ${reason}`, { cause: error });
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
