import { readEvents, type ServerEvent } from "#testing/event-parser.js";
import { KEYS, type RequestOptions, TestGateway } from "../../e2e/gateway.js";

/** A gateway with the dashboard enabled. Every response is validated against the API document. */
export function startWithDashboard(config = ""): Promise<TestGateway> {
  return TestGateway.start({ args: ["--enable-plugin", "dashboard,swagger"], config });
}

/** Logs in as the admin; the cookie to send. */
export async function logIn(gateway: TestGateway, key: string = KEYS.admin): Promise<string> {
  const answer = await gateway.fetch("/admin/login", { body: { key }, key: null });
  if (answer.status !== 200) throw new Error(`login: ${answer.status} ${await answer.text()}`);
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

/** A response body of the admin API; each test narrows it. */
export type Body = Record<string, unknown> & {
  readonly [list in ListName]: readonly Record<string, unknown>[];
};

type ListName =
  | "sessions"
  | "turns"
  | "approvals"
  | "entries"
  | "keys"
  | "data"
  | "plugins"
  | "models_breakdown";

/** Calls the admin API with the cookie of a login. */
export function asker(gateway: TestGateway, cookie: string) {
  return (path: string, options: RequestOptions = {}) =>
    gateway.request<Body>(path, { key: null, ...options, headers: { cookie, ...options.headers } });
}

/** Listens to the dashboard's events until closed. */
export async function listen(gateway: TestGateway, cookie: string, query = "") {
  const ending = new AbortController();
  const { signal } = ending;
  const response = await gateway.fetch(`/admin/events${query}`, { key: null, headers: { cookie }, signal });
  const heard: ServerEvent[] = [];
  const done = (async () => {
    for await (const event of readEvents(response)) heard.push(event);
  })().catch(() => undefined);
  return {
    response,
    heard,
    done,
    close: () => {
      ending.abort();
      return done;
    },
    notified: (topic: string) =>
      heard.some(({ event, data }) => event === "change" && data.includes(`"${topic}"`)),
  };
}
