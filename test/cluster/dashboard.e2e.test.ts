import { expect } from "chai";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { isObject } from "#schemas/index.js";
import { launchChromium, newContext } from "../e2e/chromium.js";
import { KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { Cluster } from "./cluster.js";
import { leaseSecs } from "./lease.js";
import type { ClusterNode } from "./node.js";
import { promptOf } from "./order.js";

describe("the dashboard of a cluster", () => {
  let cluster: Cluster;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const trouble: string[] = [];

  before(async () => {
    browser = await launchChromium();
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      cluster: { lease_secs: leaseSecs(6), shared_workdirs: true },
      args: ["--enable-plugin", "dashboard,keys"],
    });
    context = await newContext(browser, { viewport: { width: 1280, height: 860 } });
    page = await context.newPage();
    page.on("pageerror", (error) => trouble.push(String(error)));
  });
  after(async () => {
    await browser?.close();
    await cluster?.dispose();
  });
  afterEach(() => expect(trouble).to.deep.equal([]));

  const go = (node: string, path: string) => page.goto(`${cluster.node(node).url}/dashboard/#/${path}`);

  async function call(node: ClusterNode, path: string, body?: unknown, method?: string) {
    const response = await fetch(`${node.url}${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const read: unknown = await response.json();
    return { status: response.status, body: isObject(read) ? read : {} };
  }

  const row = (node: string) =>
    page.locator("tbody tr").filter({ has: page.getByText(node, { exact: true }) });
  const press = async (node: string, action: string) => {
    await row(node).getByRole("button", { name: action }).click();
    await page.getByRole("dialog").getByRole("button", { name: action }).click();
  };
  const shows = (node: string, words: RegExp) =>
    eventually(`${node}: ${words}`, async () => words.test(await row(node).innerText()));

  it("knows a login of one gateway at the next", async () => {
    await go("a", "overview");
    await page.getByLabel("Admin key").fill(KEYS.admin);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    // The same host, another port: the browser sends the same cookie.
    await go("b", "sessions");
    await page.getByRole("heading", { name: "Sessions", exact: true }).waitFor();
  });

  it("lists the nodes at each of them, and drains any of them from any", async () => {
    for (const [at, other] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      await go(at, "nodes");
      await shows(at, /\bhere\b/);
      await shows(other, /\bup\b/);
      await press(other, "Drain");
      await shows(other, /\bdraining\b/);
      await press(other, "Take work again");
      await shows(other, /\bup\b/);
    }
    const unknown = await call(cluster.node("a"), "/admin/nodes/c/drain", {});
    expect(unknown.status).to.equal(404);
    expect(String(unknown.body["error"])).to.match(/unknown node "c"; living nodes: a, b/);
  });

  it("shows the log of all gateways at each", async () => {
    for (const node of cluster.nodes)
      await call(node, "/task", { prompt: promptOf({ tag: node.name, ms: 0, units: 1 }) });
    for (const node of cluster.nodes) {
      const nodes = await eventually("lines of both", async () => {
        const { body } = await call(node, "/admin/logs?kind=turn");
        const entries = Array.isArray(body["entries"]) ? body["entries"] : [];
        const seen = new Set(entries.map((entry) => String(isObject(entry) ? entry["node"] : "")));
        return seen.size === 2 && { seen: [...seen].sort(), missing: body["missing"] };
      });
      expect(nodes).to.deep.equal({ seen: ["a", "b"], missing: [] });
    }
    // Page by page, each line once.
    const ids: string[] = [];
    for (let before = ""; ; ) {
      const { body } = await call(cluster.node("a"), `/admin/logs?limit=1${before}`);
      for (const entry of Array.isArray(body["entries"]) ? body["entries"] : [])
        if (isObject(entry)) ids.push(String(entry["id"]));
      if (body["before"] === null) break;
      before = `&before=${String(body["before"])}`;
    }
    expect(new Set(ids).size).to.equal(ids.length);
    expect(ids.filter((id) => id.startsWith("b/"))).to.have.length.greaterThan(0);
  });

  it("reports turns of other gateways live, with the load of all", async () => {
    await go("a", "requests");
    await page.getByRole("status").getByText("Live", { exact: true }).waitFor({ state: "attached" });
    const running = page.getByLabel("Load").getByText(/^1 running$/);
    const turn = call(cluster.node("b"), "/task", { prompt: promptOf({ tag: "live", ms: 6000, units: 1 }) });
    await running.waitFor();
    await turn;
    await page
      .getByLabel("Load")
      .getByText(/^0 running$/)
      .waitFor();
  });

  it("knows a key that was made at one gateway at the next, and no more once it is disabled", async () => {
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    const { body } = await call(a, "/admin/keys", { name: "deploy" });
    const withKey = () =>
      fetch(`${b.url}/sessions`, { headers: { authorization: `Bearer ${body["secret"]}` } });
    await eventually("the key at b", async () => (await withKey()).status === 200);
    await call(a, `/admin/keys/${String(body["key_id"])}/disable`, {});
    await eventually("no key at b", async () => (await withKey()).status === 401);
  });

  it("logs out at one gateway and is out at the next", async () => {
    await go("b", "overview");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Admin key").waitFor();
    await go("a", "overview");
    await page.getByLabel("Admin key").waitFor();
  });
});
