import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "./chromium.js";
import { askToEdit, logInAt, PAGES, startFilled, startSession, type Visit, visit } from "./dashboard-kit.js";
import { KEYS, type TestGateway } from "./gateway.js";

/*
 * Takes pictures of the dashboard from a gateway with the real CLI and the scripted model, with a month of turns.
 * node --import tsx test/e2e/pictures.ts                   the pictures in docs/pictures
 * node --import tsx test/e2e/pictures.ts states <folder>   every page empty, loading, failing, small and full, one sheet for
 *                                                          each state and look; whole pages, not only what a screen shows
 */

const DOCS = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));

const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 860 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  { name: "narrow", colorScheme: "light", viewport: { width: 390, height: 844 } },
] as const;

const MONTH = {
  days: 30,
  models: ["claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5"],
  keys: ["admin", "bob", "ci-bot", "nightly"],
  sessions: 12,
  varied: true,
  turns: (day: number, model: number, key: number) =>
    ((day * day * 3 + model * 5 + key * 11) % 5) + (day % 7 < 2 ? 0 : 3),
  costUsd: (day: number, model: number, key: number) =>
    ([0.042, 0.118, 0.009][model] ?? 0) * (1 + ((day * 3 + key) % 5) / 4),
};
const NOTHING = { ...MONTH, keys: [] };

/** What the API does in a picture. */
type Behaviour = "answers" | "waits" | "fails";

interface Shot {
  readonly folder: string;
  readonly session: string;
  readonly behaviour: Behaviour;
}

const [mode, folder = DOCS] = process.argv.slice(2);
const browser = await launchChromium();
try {
  if (mode === "states") await takeStates(browser, folder);
  else
    await withGateway(MONTH, converse, (on, session) =>
      takeAll(browser, on, { folder, session, behaviour: "answers" }),
    );
} finally {
  await browser.close();
}

async function takeStates(by: Browser, into: string): Promise<void> {
  const take = async (on: TestGateway, session: string, state: string, behaviour: Behaviour = "answers") => {
    const files = await takeAll(by, on, { folder: join(into, state), session, behaviour });
    for (const { name } of LOOKS)
      await makeSheet(by, join(into, `${state}-${name}.png`), files.get(name) ?? []);
  };
  await withGateway(
    NOTHING,
    async (on) => (await startSession(on)).id,
    (on, session) => take(on, session, "empty"),
  );
  await withGateway(NOTHING, sayOnce, (on, session) => take(on, session, "small"));
  await withGateway(MONTH, converse, async (on, session) => {
    await take(on, session, "full");
    await take(on, session, "loading", "waits");
    await take(on, session, "error", "fails");
  });
}

async function withGateway(
  shape: typeof MONTH,
  prepare: (on: TestGateway) => Promise<string>,
  use: (on: TestGateway, session: string) => Promise<unknown>,
): Promise<void> {
  const gateway = await startFilled(shape);
  try {
    await use(gateway, await prepare(gateway));
  } finally {
    await gateway.dispose();
  }
}

/** Takes every page in every look; resolves to the files by look. */
async function takeAll(by: Browser, on: TestGateway, shot: Shot): Promise<Map<string, string[]>> {
  mkdirSync(shot.folder, { recursive: true });
  const files = new Map<string, string[]>();
  for (const { name, ...options } of LOOKS) {
    const visited = await visit(by, on, options);
    const taken: string[] = [];
    const take = async (picture: string) => {
      const path = join(shot.folder, `${picture}-${name}.png`);
      await visited.page.screenshot({ path, fullPage: mode === "states" });
      taken.push(path);
    };
    await visited.go("overview");
    await visited.page.getByLabel("Admin key").waitFor();
    if (shot.behaviour === "answers") await take("login");
    await logInAt(visited);
    await visited.page.getByRole("navigation", { name: "Pages" }).waitFor();
    for (const path of [...PAGES, "limits", `sessions/${shot.session}`]) {
      await open(visited, path, shot.behaviour);
      await take(path.includes("/") ? "session" : path);
    }
    if (shot.behaviour === "answers" && visited.trouble.length > 0)
      throw new Error(visited.trouble.join("\n"));
    await visited.close();
    files.set(name, taken);
  }
  return files;
}

async function open({ page, go }: Visit, path: string, behaviour: Behaviour): Promise<void> {
  if (behaviour !== "answers") {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.route(/\/admin\/(?!login|events|pages)/, async (route) => {
      if (behaviour === "fails")
        await route.fulfill({ status: 500, json: { error: "the ledger does not answer" } });
    });
  }
  await go("plugins");
  await go(path);
  if (behaviour === "answers") await page.locator(".panel").first().waitFor();
  await page.waitForTimeout(900);
  await page.getByText("Counting earlier turns").waitFor({ state: "detached" });
}

/** All pictures of a state on one page. */
async function makeSheet(by: Browser, path: string, files: readonly string[]): Promise<void> {
  const page: Page = await by.newPage({ viewport: { width: 1560, height: 900 } });
  const images = files.map(
    (file) => `<img src="data:image/png;base64,${readFileSync(file).toString("base64")}">`,
  );
  const style =
    "body{margin:0;display:flex;flex-wrap:wrap;align-items:flex-start;gap:8px;background:#888}img{width:calc(33.3% - 8px)}";
  const narrow = path.endsWith("narrow.png") ? "img{width:calc(16.6% - 8px)}" : "";
  await page.setContent(`<style>${style}${narrow}</style>${images.join("")}`);
  writeFileSync(path, await page.screenshot({ fullPage: true }));
  await page.close();
}

/** A session with one turn. */
async function sayOnce(on: TestGateway): Promise<string> {
  const { id } = await startSession(on);
  await on.request(`/session/${id}`, { body: { prompt: "[[say The build is green.]]" }, key: KEYS.bob });
  return id;
}

/** A session with a few turns, the last of which waits for a decision. */
async function converse(on: TestGateway): Promise<string> {
  const session = await startSession(on);
  await on.request(`/session/${session.id}`, {
    method: "PATCH",
    body: { title: "Bound the retries" },
    key: KEYS.bob,
  });
  const prompts = [
    "Why does it hang? [[think It never gives up. I look at the file first.]] [[subagent [[read retry.ts]] [[say It loops.]]]] [[say **The function retries forever**: it never gives up, and waits a second each time, whatever happens.]]",
    "[[fail 529 Overloaded]]",
  ];
  for (const prompt of prompts)
    await on.request(`/session/${session.id}`, { body: { prompt }, key: KEYS.bob });
  await askToEdit(on, session);
  return session.id;
}
