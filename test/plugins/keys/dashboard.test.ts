import { definePlugin } from "@claudeway/core";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { KeysGateway } from "./kit.js";

describe("keys beside the dashboard", () => {
  let keys: KeysGateway;
  let cookie: string;
  before(async () => {
    keys = await KeysGateway.start({}, { plugins: ["dashboard", "swagger"] });
    const login = await keys.request("/admin/login", {
      body: { key: keys.gateway.keys["admin"] },
      key: null,
    });
    cookie = String(login.headers.get("set-cookie")).split(";")[0] ?? "";
  });
  after(() => keys.gateway.close());

  const asPage = (path: string, body?: object, headers: Readonly<Record<string, string>> = {}) =>
    keys.request(path, { key: null, body, headers: { cookie, ...headers } });

  it("are made and listed with the dashboard's login", async () => {
    const { status } = await asPage("/admin/keys", { name: "page" }, { "sec-fetch-site": "same-origin" });
    expect(status).to.equal(201);
    const { body } = await asPage("/admin/keys?limit=1000");
    expect(body).to.include({ total: 3 });
    for (const listed of Object(body)["keys"])
      expect(listed).to.include.all.keys(
        "key_id",
        "admin",
        "configured",
        "total_requests",
        "total_cost_usd",
        "tokens",
        "last_used",
      );
  });

  it("are not made by pages of other sites", async () => {
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://evil.example" },
    ])
      expect(
        (await asPage("/admin/keys", { name: "page" }, headers)).status,
        JSON.stringify(headers),
      ).to.equal(403);
  });

  it("are closed to a login that is not one, and the login is good below /admin only", async () => {
    const made = { cookie: `claudeway_admin=${"A".repeat(43)}` };
    expect((await asPage("/admin/keys", undefined, made)).status).to.equal(401);
    for (const path of ["/sessions", "/me", "/task", "/adminx/keys"])
      expect((await asPage(path)).status, path).to.equal(401);
    const other = { authorization: `Bearer ${keys.gateway.keys["user"]}` };
    expect((await asPage("/admin/keys", undefined, other)).status, "a key counts before the cookie").to.equal(
      403,
    );
  });

  it("leave reads of the page out of the audit log, and nothing else", async () => {
    const seen: string[] = [];
    const watch = definePlugin({
      name: "watch",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply({ hooks }) {
        hooks.requestCompleted.tap(
          "see",
          ({ method, path, keyId }) => void seen.push(`${method} ${path} ${keyId}`),
        );
      },
    });
    await keys.gateway.enable(watch);
    await asPage("/admin/keys");
    await asPage("/admin/keys?page=0");
    await asPage("/admin/keys", { name: "page" }, { "sec-fetch-site": "same-origin" });
    await keys.request("/admin/keys");
    await eventually("the last", () => seen.length === 4);
    expect(seen).to.deep.equal([
      "GET /admin/keys null",
      "GET /admin/keys admin",
      "POST /admin/keys admin",
      "GET /admin/keys admin",
    ]);
    await keys.gateway.disable("watch");
  });

  it("are closed after the logout", async () => {
    const login = await keys.request("/admin/login", {
      body: { key: keys.gateway.keys["admin"] },
      key: null,
    });
    const own = { cookie: String(login.headers.get("set-cookie")).split(";")[0] ?? "" };
    expect((await asPage("/admin/keys", undefined, own)).status).to.equal(200);
    await asPage("/admin/logout", {}, own);
    expect((await asPage("/admin/keys", undefined, own)).status).to.equal(401);
  });

  it("are described once in the document, by the plugin that answers", async () => {
    const { body } = await keys.request("/openapi.json");
    const { paths } = Object(body);
    expect(Object.keys(paths["/admin/keys"])).to.include.members(["get", "post"]);
    expect(paths["/admin/keys"].get.tags).to.deep.equal(["keys"]);
    expect(paths).to.include.all.keys("/admin/keys/{id}/rotate", "/me", "/admin/overview");
  });
});
