import { expect } from "chai";
import { KEYS, type RequestOptions, TestGateway } from "../../e2e/gateway.js";

const ACCEPT = { accept: "application/json, text/event-stream" };
const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  },
};

/** Each answer is held against the plugin's part of the OpenAPI document. */
describe("mcp and its OpenAPI description", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      env: { IS_SANDBOX: "1" },
      args: ["--enable-plugin", "mcp,swagger"],
    });
  });
  after(() => gateway.dispose());

  const send = async (options: RequestOptions) => {
    const response = await gateway.fetch("/mcp", { key: KEYS.bob, ...options });
    await response.arrayBuffer();
    return response;
  };
  const post = (body: unknown, headers: Record<string, string> = {}, key: string = KEYS.bob) =>
    send({ body, key, headers: { ...ACCEPT, ...headers } });

  it("agree on answers and on errors, the gateway's own included", async () => {
    const { status, headers } = await post(INITIALIZE);
    expect([status, headers.get("content-type")]).to.deep.equal([200, "text/event-stream"]);
    const session = { "mcp-session-id": headers.get("mcp-session-id") ?? "" };
    const ping = { jsonrpc: "2.0", id: 2, method: "ping" };
    const statuses = [];
    for (const [body, more, key] of [
      [ping, session],
      [{ jsonrpc: "2.0", method: "notifications/initialized" }, session],
      [ping, {}],
      [[ping], session],
      ["not JSON", session],
      [ping, { "mcp-session-id": "none" }],
      [ping, { ...session, accept: "application/json" }],
      [ping, { ...session, origin: "https://evil.example" }],
      [ping, session, "sk-wrong"],
    ] as const)
      statuses.push((await post(body, more, key)).status);
    expect(statuses).to.deep.equal([200, 202, 400, 400, 400, 404, 406, 403, 401]);
    const end = () => send({ method: "DELETE", headers: session });
    expect([(await end()).status, (await end()).status]).to.deep.equal([204, 404]);
    // The document has no such operation.
    const get = await fetch(`${gateway.url}/mcp`, {
      headers: { authorization: `Bearer ${KEYS.bob}` },
    });
    expect([get.status, get.headers.get("allow")]).to.deep.equal([405, "DELETE, POST"]);
  });

  it("agree on the metadata", async () => {
    for (const path of ["", "/mcp"]) {
      const found = await gateway.request(`/.well-known/oauth-protected-resource${path}`, { key: null });
      expect([found.status, found.body["resource"]]).to.deep.equal([200, `${gateway.url}/mcp`]);
    }
  });
});
