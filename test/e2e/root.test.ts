import { expect } from "chai";
import { OWN_CONTRACT, watched } from "./exchanges.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const BROWSER = { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" };
const OFF = [
  "Dashboard: off; start the gateway with --enable-plugin dashboard",
  "API reference: off; start the gateway with --enable-plugin swagger",
];

describe("what a person opens first", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n" });
  });
  after(() => gateway.dispose());

  /** `/` as it is, without following where it leads. */
  async function root(headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const response = await fetch(`${gateway.url}/`, { headers, redirect: "manual" });
    return watched(response, { method: "GET", path: "/" }, OWN_CONTRACT);
  }

  it("is in the banner, which says what to switch on", () => {
    for (const line of [...OFF, `Health: ${gateway.url}/health`])
      expect(gateway.stdout).to.include(`  ${line}\n`);
    expect(gateway.stdout).not.to.include("without TLS");
  });

  it("is / without a key: a text that says what to switch on", async () => {
    for (const headers of [{}, BROWSER]) {
      const response = await root(headers);
      expect(response.status).to.equal(200);
      expect(response.headers.get("content-type")).to.match(/^text\/plain/);
      expect((await response.text()).split("\n")).to.include.members([...OFF, "Health: ./health"]);
    }
  });

  it("is a path of a plugin that is off: 404 names the plugin, for pages without a key", async () => {
    for (const [path, plugin, key] of [
      ["/dashboard", "dashboard", null],
      ["/dashboard/", "dashboard", null],
      ["/docs/index.html", "swagger", null],
      ["/admin/overview", "dashboard", undefined],
      ["/admin/keys", "keys", undefined],
      ["/v1/models", "openai", undefined],
    ] as const) {
      const { status, body } = await gateway.request(path, key === null ? { key } : {});
      expect([status, body], path).to.deep.equal([
        404,
        {
          error: `no route GET ${path}: the plugin ${plugin} is off; start the gateway with --enable-plugin ${plugin}`,
          code: "NOT_FOUND",
        },
      ]);
    }
    expect((await gateway.request("/admin/overview", { key: null })).status).to.equal(401);
    expect((await gateway.request("/dashboards", { key: null })).status).to.equal(401);
    expect((await gateway.request("/dashboards")).body["error"]).to.equal("no route GET /dashboards");
  });

  it("is the dashboard in a browser while that is on", async () => {
    gateway.reload("[engine]\nspares = 0\n[plugins.dashboard]\nenabled = true\n");
    await eventually("the dashboard", async () => (await root(BROWSER)).status === 302);
    expect((await root(BROWSER)).headers.get("location")).to.equal("dashboard/");
    const page = await fetch(`${gateway.url}/`, { headers: BROWSER });
    expect([page.status, new URL(page.url).pathname]).to.deep.equal([200, "/dashboard/"]);
    const text = await root();
    expect(text.status).to.equal(200);
    expect(await text.text()).to.include("Dashboard: ./dashboard/\n");
  });

  it("is warned of in the banner if the port is open to the network", async () => {
    await gateway.stop();
    await gateway.launch({ args: ["--host", "0.0.0.0", "--enable-plugin", "swagger"] });
    expect(gateway.stdout).to.include("  Warning: the port is open to the network, without TLS;");
    expect(gateway.stdout).to.include(`  API reference: ${gateway.url}/docs/\n`);
  });
});
