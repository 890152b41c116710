import { expect } from "chai";
import type { Browser } from "playwright-core";
import { launchChromium } from "./chromium.js";
import { logInAt, startFilled, type Visit, visit } from "./dashboard-kit.js";
import type { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** The price of the first model is unknown: bob used it alone, carol used the other one too. */
const SHAPE = {
  days: 1,
  models: ["odd-model", "claude-haiku-4-5"],
  keys: ["bob", "carol"],
  sessions: 1,
  turns: (_day: number, model: number, key: number) => (key >= model ? 1 : 0),
  costUsd: (_day: number, model: number) => (model === 0 ? null : 0.01),
};

describe("the dashboard, where prices are unknown", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  before(async () => {
    browser = await launchChromium();
    gateway = await startFilled(SHAPE);
    visited = await visit(browser, gateway);
    await visited.go("overview");
    await logInAt(visited);
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  it("says beside a cost how many turns it leaves out", async () => {
    const { page, go } = visited;
    const figure = (name: string) =>
      page.locator("dl div", { has: page.getByText(name, { exact: true }) }).first();
    await figure("Spent").getByText("2 turns of unknown price").waitFor();
    await figure("Cost").getByText("in 30 days, 2 turns of unknown price").waitFor();
    expect(await figure("Cost").innerText()).to.include("$0.0100");
    await go("costs");
    const keys = page.getByRole("list", { name: "Cost by key" });
    await keys.getByText("1 request, 1 turn of unknown price").waitFor();
    expect(await keys.innerText())
      .to.match(/bob\s+unknown\s*1 request, 1 turn of unknown price/)
      .and.match(/carol\s+\$0\.0100\s*2 requests, 1 turn of unknown price/);
    await page.getByRole("group", { name: "Periods" }).getByText("2 turns of unknown price").waitFor();
    const { body } = await gateway.request<{ sessions: Record<string, unknown>[] }>("/admin/sessions");
    const [own] = body.sessions.filter(({ key_id }) => key_id === "carol");
    await go(`sessions/${own?.["session_id"]}`);
    await figure("Cost").getByText("1 turn of unknown price").waitFor();
  });

  it("answers null, not 0, where no price is known, and leaves the cell of the CSV empty", async () => {
    const ask = async (path: string) => (await gateway.request<Record<string, unknown>>(path)).body;
    const statistics = await eventually("the statistics", async () => {
      const found = await ask("/admin/statistics?range=24h");
      return found["requests"] === 3 ? found : undefined;
    });
    expect(statistics).to.deep.include({ cost_usd: 0.01, cost_unpriced_turns: 2 });
    const periods = statistics["periods"] as readonly { readonly by_model: readonly object[] }[];
    expect(periods.flatMap(({ by_model }) => by_model)).to.have.deep.members([
      { model: "odd-model", requests: 2, cost_usd: null },
      { model: "claude-haiku-4-5", requests: 1, cost_usd: 0.01 },
    ]);
    const csv = await (await gateway.fetch("/admin/costs.csv?group_by=monthly")).text();
    expect(csv.split("\r\n").map((line) => line.replace(/^[\d-]+,/, ""))).to.include.members([
      "total,,3,0.01",
      "model,odd-model,2,",
      "key,bob,1,",
      "key,carol,2,0.01",
    ]);
  });
});
