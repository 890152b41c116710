import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { launchChromium, newContext } from "../../e2e/chromium.js";
import { KEYS, TestGateway } from "../../e2e/gateway.js";

/** A page, its requests, and its errors. */
interface Visit {
  readonly page: Page;
  readonly requests: readonly string[];
  readonly complaints: readonly string[];
}

describe("swagger's page", () => {
  let browser: Browser;
  let open: TestGateway;
  let closed: TestGateway;
  before(async () => {
    browser = await launchChromium();
    open = await TestGateway.start({ args: ["--enable-plugin", "swagger"] });
    closed = await TestGateway.start({ config: "[plugins.swagger]\nenabled = true\npublic = false\n" });
  });
  after(async () => {
    await browser?.close();
    await open?.dispose();
    await closed?.dispose();
  });

  async function visit(url: string): Promise<Visit> {
    const page = await (await newContext(browser)).newPage();
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(url);
    return { page, requests, complaints };
  }

  it("shows every operation, contacts only the gateway, and violates no policy", async () => {
    const { page, requests, complaints } = await visit(`${open.url}/docs`);
    await page.locator(".opblock").first().waitFor();
    const { body } = await open.request<{ paths: Record<string, object> }>("/openapi.json", { key: null });
    const operations = Object.values(body.paths).flatMap(Object.keys);
    expect(await page.locator(".opblock").count()).to.equal(operations.length);
    // Late rendering counts too.
    for (const id of ["tasks-streamTask", "tasks-openTaskSocket", "sessions-approveToolCalls"]) {
      await page.locator(`#operations-${id} .opblock-summary-control`).click();
      await page.locator(`#operations-${id} .responses-table`).first().waitFor();
    }
    for (const asked of requests.filter((url) => !url.startsWith("data:")))
      expect(new URL(asked).origin).to.equal(open.url);
    expect(requests.filter((url) => url.endsWith("/openapi.json"))).to.have.length(1);
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it("tries an operation at the gateway with the given key", async () => {
    const { page, complaints } = await visit(`${open.url}/docs/`);
    await page.locator("button.authorize").first().click();
    await page.locator("#auth-bearer-value").fill(KEYS.bob);
    await page.locator(".auth-container button[type=submit]").first().click();
    await page.locator(".btn-done").first().click();
    const operation = page.locator("#operations-sessions-listSessions");
    await operation.locator(".opblock-summary-control").click();
    await operation.getByRole("button", { name: "Try it out" }).click();
    await operation.getByRole("button", { name: "Execute" }).click();
    const body = operation.locator(".live-responses-table .response-col_description .highlight-code");
    await body.waitFor();
    expect(await body.innerText()).to.include('"total": 0');
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it("asks for a key if the document requires one, and uses it for requests", async () => {
    const { page } = await visit(`${closed.url}/docs`);
    await page.locator("#key").fill("sk-wrong");
    await page.getByRole("button", { name: "Show the API" }).click();
    await page.getByText("This key is not valid.").waitFor();
    expect(await page.locator(".opblock").count()).to.equal(0);
    await page.locator("#key").fill(KEYS.bob);
    await page.getByRole("button", { name: "Show the API" }).click();
    await page.locator(".opblock").first().waitFor();
    expect(await page.locator("form").first().isVisible()).to.equal(false);
    const operation = page.locator("#operations-sessions-listSessions");
    await operation.locator(".opblock-summary-control").click();
    await operation.getByRole("button", { name: "Try it out" }).click();
    await operation.getByRole("button", { name: "Execute" }).click();
    const body = operation.locator(".live-responses-table .response-col_description .highlight-code");
    await body.waitFor();
    expect(await body.innerText()).to.include('"total": 0');
    await page.close();
  });

  it("sends a policy without exceptions for scripts and styles", async () => {
    for (const path of ["/docs/", "/docs/page.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"]) {
      const { headers, status } = await open.fetch(path, { key: null });
      expect(status, path).to.equal(200);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).to.include("default-src 'none'").and.include("script-src 'self';");
      expect(policy).not.to.match(/unsafe|https?:|\*/);
    }
  });

  it("redirects /docs to /docs/ below any prefix", async () => {
    const response = await fetch(`${open.url}/docs?x=1`, { redirect: "manual" });
    expect(response.status).to.equal(302);
    expect(response.headers.get("location")).to.equal("docs/");
  });

  it("is compressed, and resent only when changed", async () => {
    const first = await open.fetch("/docs/swagger-ui-bundle.js", { headers: { "accept-encoding": "gzip" } });
    expect(first.headers.get("content-encoding")).to.equal("gzip");
    expect(Number(first.headers.get("content-length"))).to.be.lessThan(600_000);
    const etag = first.headers.get("etag") ?? "";
    await first.arrayBuffer();
    const again = await open.fetch("/docs/swagger-ui-bundle.js", {
      // With If-None-Match alone, fetch adds a header that forbids cached responses.
      headers: { "if-none-match": etag, "cache-control": "max-age=0" },
    });
    expect(again.status).to.equal(304);
  });

  it("requires a key for the document when it is not public", async () => {
    const refused = await closed.request("/openapi.json", { key: null });
    expect(refused.status).to.equal(401);
    expect((await closed.request("/openapi.json", { key: KEYS.bob })).status).to.equal(200);
    expect((await closed.fetch("/docs/", { key: null })).status).to.equal(200);
  });
});
