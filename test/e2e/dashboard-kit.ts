import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { newContext } from "./chromium.js";
import { fillLedger, type Shape } from "./filled-ledger.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/plugins", import.meta.url));

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const PAGES = [
  "overview",
  "requests",
  "sessions",
  "approvals",
  "logs",
  "keys",
  "costs",
  "plugins",
] as const;

/** A gateway with the dashboard, a plugin that asks about tool calls, a third-party plugin, budgets, and past turns. */
export async function startFilled(shape: Shape, liveWaitSecs = 600): Promise<TestGateway> {
  const options = {
    args: ["--enable-plugin", "dashboard,limits,./plugins/asks,./plugins/hello"],
    env: { IS_SANDBOX: "1" },
    config: [
      "[plugins.asks]",
      `live_wait_secs = ${liveWaitSecs}`,
      "max_hold_secs = 600",
      'allow = "^(Read|Agent|Task)"',
      "[plugins.hello]",
      'greeting = "good day"',
      "[[plugins.limits.budgets]]",
      'name = "daily"',
      "usd = 5",
      'window = "day"',
    ].join("\n"),
  };
  const gateway = await TestGateway.start();
  await gateway.stop();
  // Named by a path that reveals nothing about this machine.
  symlinkSync(FIXTURES, join(gateway.dir, "plugins"));
  await fillLedger(gateway.dataDir, shape);
  await gateway.launch(options);
  return gateway;
}

/** A browser page, and the problems seen on it. */
export interface Visit {
  readonly page: Page;
  /** Script, console and content-security-policy errors, and requests to other hosts. */
  readonly trouble: string[];
  go(path: string): Promise<void>;
  close(): Promise<void>;
}

export async function visit(
  browser: Browser,
  gateway: TestGateway,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await newContext(browser, { viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  const trouble: string[] = [];
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (message) => {
    // Some tests provoke refused requests.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) trouble.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(gateway.url) && !request.url().startsWith("data:"))
      trouble.push(request.url());
  });
  return {
    page,
    trouble,
    async go(path) {
      await page.goto(`${gateway.url}/dashboard/#/${path}`);
    },
    close: () => context.close(),
  };
}

export async function logInAt({ page }: Visit, key: string = KEYS.admin): Promise<void> {
  await page.getByLabel("Admin key").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** Serious and critical findings of axe. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  // As text: it runs in the page, which has other globals than a test.
  return page.evaluate<string[]>(`axe.run(document).then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ": " + html.slice(0, 200) + " " + failureSummary)))`);
}

/** A session of bob's. */
export async function startSession(gateway: TestGateway): Promise<{ id: string; workdir: string }> {
  const { body } = await gateway.request("/session/start", { body: {}, key: KEYS.bob });
  return { id: String(body["session_id"]), workdir: String(body["workdir"]) };
}

const BEFORE = `export async function retry(run) {
  for (;;) {
    try {
      return await run();
    } catch {
      await sleep(1000);
    }
  }
}
`;
const AFTER = `export async function retry(run, attempts = 5) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt >= attempts) throw error;
      await sleep(1000 * 2 ** attempt);
    }
  }
}
`;

/** Makes the model edit a file of the session. Resolves to the turn's future response when the edit waits for a decision. */
export async function askToEdit(gateway: TestGateway, session: { id: string; workdir: string }) {
  const file_path = join(session.workdir, "retry.ts");
  writeFileSync(file_path, BEFORE);
  const read = { tool: "Read", input: { file_path } };
  const edit = { tool: "Edit", input: { file_path, old_string: BEFORE, new_string: AFTER } };
  const prompt = `[[say I will bound the attempts.]] [[${JSON.stringify(read)}]] [[${JSON.stringify(edit)}]]`;
  const told = gateway.stdout.length;
  const answer = gateway.request(`/session/${session.id}`, {
    body: { prompt, timeout_secs: 120 },
    key: KEYS.bob,
  });
  await eventually("the call waits", () => gateway.stdout.slice(told).includes("link "));
  // Wrapped in an object: a promise of a promise would be awaited.
  return { answer, file: file_path, after: AFTER };
}
