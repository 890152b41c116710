import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** Writes down what was imported and required, when the gateway ends. */
const RECORDER = `
import { writeFileSync } from "node:fs";
import Module, { register } from "node:module";
import { MessageChannel } from "node:worker_threads";
const { port1, port2 } = new MessageChannel();
const imported = [];
port1.on("message", (url) => imported.push(url)).unref();
register("./hook.mjs", import.meta.url, { data: port2, transferList: [port2] });
process.on("exit", () =>
  writeFileSync(process.env.LOADED, JSON.stringify([...imported, ...Object.keys(Module._cache)])));
`;
const HOOK = `
let port;
export const initialize = (data) => { port = data; };
export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };
`;

describe("a start", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "claudeway-modules-"));
    writeFileSync(join(folder, "recorder.mjs"), RECORDER);
    writeFileSync(join(folder, "hook.mjs"), HOOK);
  });
  after(() => rmSync(folder, { recursive: true }));

  /** The files that a gateway loads that is sent this. */
  async function loadedBy(
    send: (gateway: TestGateway) => Promise<unknown>,
    args: readonly string[] = [],
  ): Promise<readonly string[]> {
    const loaded = join(folder, `${randomUUID()}.json`);
    const gateway = await TestGateway.start({
      args,
      env: { NODE_OPTIONS: `--import ${join(folder, "recorder.mjs")}`, LOADED: loaded },
    });
    await send(gateway);
    await gateway.dispose();
    return eventually("the list", () => JSON.parse(readFileSync(loaded, "utf8")));
  }

  const packagesOf = (files: readonly string[]) =>
    files.map((file) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]);

  it("loads the SDK of MCP with the first MCP request only", async () => {
    const files = await loadedBy((gateway) => gateway.request("/health"), ["--enable-plugin", "mcp"]);
    expect(files.some((file) => file.endsWith("/plugins/mcp/dist/index.js"))).to.equal(true);
    expect(packagesOf(files)).not.to.include.members(["@modelcontextprotocol/sdk"]);
    expect(packagesOf(files)).not.to.include.members(["zod"]);
  });

  it("loads nothing that only a turn, a WebSocket, a plugin or another command needs", async () => {
    const files = await loadedBy((gateway) => gateway.request("/task", { body: {} }));
    expect(files.some((file) => file.endsWith("/core/bundle/host.js"))).to.equal(true);
    const packages = packagesOf(files);
    expect(packages).to.include.members(["koa", "@koa/router", "pino", "koa-bodyparser"]);
    expect(packages).not.to.include.members(["@anthropic-ai/claude-agent-sdk"]);
    for (const one of ["ws", "@fastify/busboy", "picomatch", "proxy-addr"])
      expect(packages).not.to.include.members([one]);
    expect(packages).not.to.include.members(["pg"]);
    expect(packages).not.to.include.members(["@clack/prompts"]);
    const ofAjv = files.filter((file) => /\/node_modules\/ajv\/(?!dist\/runtime\/)/.test(file));
    expect(ofAjv).to.deep.equal([]);
  });

  it("loads no parser of bodies before one comes", async () => {
    const files = await loadedBy((gateway) => gateway.request("/health", { key: null }));
    expect(packagesOf(files)).to.include("koa").and.not.include("koa-bodyparser").and.not.include("qs");
  });
});
