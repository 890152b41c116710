import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A request of a client, and how it was answered. */
export interface Recorded {
  readonly client: string;
  readonly case: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly status: number;
  /** How the request's history became a session. */
  readonly history: string | null;
}

/** The headers that matter to the gateway. */
const KEPT = ["anthropic-version", "anthropic-beta", "content-type", "accept"];

/** Stands between clients and a gateway: `/<client>/<case>/v1/…` is passed on as `/v1/…`, and recorded. */
export class Recorder {
  readonly requests: Recorded[] = [];

  private constructor(
    private readonly server: Server,
    private readonly target: string,
  ) {}

  static async start(target: string): Promise<Recorder> {
    const server = createServer();
    const recorder = new Recorder(server, target);
    server.on("request", (req, res) => {
      const chunks: Buffer[] = [];
      req.on("data", (chunk: Buffer) => chunks.push(chunk));
      req.on("end", () => {
        const [, client = "", name = "", path = ""] = /^\/([^/]*)\/([^/]*)(\/.*)$/.exec(req.url ?? "") ?? [];
        const body = Buffer.concat(chunks);
        const { host: _host, connection: _connection, ...headers } = req.headers;
        const passed = request(new URL(path, recorder.target), { method: req.method, headers }, (answer) => {
          recorder.#note(client, name, path, req.method ?? "", req.headers, body, answer);
          res.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(res);
        });
        passed.on("error", () => res.destroy());
        res.on("close", () => passed.destroy());
        passed.end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return recorder;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  of(client: string, name: string): readonly Recorded[] {
    return this.requests.filter((one) => one.client === client && one.case === name);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #note(
    client: string,
    name: string,
    path: string,
    method: string,
    headers: IncomingHttpHeaders,
    body: Buffer,
    answer: { readonly statusCode?: number | undefined; readonly headers: IncomingHttpHeaders },
  ): void {
    const kept = KEPT.flatMap((header) => {
      const value = headers[header];
      return typeof value === "string" ? [[header, value]] : [];
    });
    const auth = headers["x-api-key"] === undefined ? "authorization" : "x-api-key";
    const history = answer.headers["x-claudeway-history"];
    this.requests.push({
      client,
      case: name,
      method,
      path,
      headers: { ...Object.fromEntries(kept), auth },
      body: body.length === 0 ? null : JSON.parse(body.toString()),
      status: answer.statusCode ?? 0,
      history: typeof history === "string" ? history : null,
    });
  }
}
