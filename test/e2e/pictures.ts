import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launchChromium } from "./chromium.js";
import { askToEdit, logInAt, PAGES, startFilled, startSession, visit } from "./dashboard-kit.js";
import { KEYS, type TestGateway } from "./gateway.js";

/*
 * Takes the pictures of the dashboard in docs/pictures, from a gateway with the real CLI and the scripted model.
 * Run: node --import tsx test/e2e/pictures.ts
 */

const FOLDER = process.argv[2] ?? fileURLToPath(new URL("../../docs/pictures/", import.meta.url));

const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 860 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  { name: "narrow", colorScheme: "light", viewport: { width: 390, height: 780 } },
] as const;

const SHAPE = {
  days: 30,
  models: ["claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5"],
  keys: ["admin", "bob", "ci-bot", "nightly"],
  sessions: 12,
  turns: (day: number, model: number, key: number) =>
    ((day * day * 3 + model * 5 + key * 11) % 5) + (day % 7 < 2 ? 0 : 3),
  costUsd: (day: number, model: number, key: number) =>
    ([0.042, 0.118, 0.009][model] ?? 0) * (1 + ((day * 3 + key) % 5) / 4),
};

const browser = await launchChromium();
const gateway = await startFilled(SHAPE);
try {
  mkdirSync(FOLDER, { recursive: true });
  const session = await converse(gateway);
  for (const { name, ...options } of LOOKS) {
    const visited = await visit(browser, gateway, options);
    await visited.go("overview");
    await visited.page.getByLabel("Admin key").waitFor();
    await visited.page.screenshot({ path: `${FOLDER}/login-${name}.png` });
    await logInAt(visited);
    for (const path of [...PAGES, `sessions/${session}`]) {
      await visited.go(path);
      await visited.page.locator(".panel").first().waitFor();
      await visited.page.waitForTimeout(700);
      const picture = path.includes("/") ? "session" : path;
      await visited.page.screenshot({ path: `${FOLDER}/${picture}-${name}.png` });
    }
    if (visited.trouble.length > 0) throw new Error(visited.trouble.join("\n"));
    await visited.close();
  }
} finally {
  await gateway.dispose();
  await browser.close();
}

/** A session with a few turns, the last of which waits for a decision. */
async function converse(on: TestGateway): Promise<string> {
  const session = await startSession(on);
  const prompts = [
    "[[think It never gives up. I look at the file first.]] [[read retry.ts]] [[say **The function retries forever**: it never gives up, and waits a second each time, whatever happens.]]",
    "[[fail 529 Overloaded]]",
  ];
  for (const prompt of prompts)
    await on.request(`/session/${session.id}`, { body: { prompt }, key: KEYS.bob });
  await askToEdit(on, session);
  return session.id;
}
