import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PluginCommand } from "@claudeway/core";
import { createTestGateway, type TestGateway, type TestGatewayOptions } from "@claudeway/testing";
import { expect } from "chai";
import { parse } from "smol-toml";
import { createHooks } from "#kernel/hooks.js";
import type { AnyPlugin } from "#kernel/plugin.js";
import { listeningPort } from "../e2e/address.js";
import { eventually } from "../e2e/poll.js";
import { freePort } from "../free-port.js";
import { rejection } from "../kernel/kit.js";
import { ROOT, run } from "../packaging/packed.js";
import { blocksOf, patternOf } from "./blocks.js";

const PAGE = new URL("../../docs/plugin-guide.md", import.meta.url);
const BLOCKS = blocksOf(PAGE);
const MODULES = BLOCKS.filter(({ language }) => language === "ts");

type Section = Readonly<Record<string, unknown>>;
type Open = (section: Section, options?: TestGatewayOptions) => Promise<TestGateway>;

/** What each plugin of the page has to do, by its name. */
const SCENARIOS: Readonly<Record<string, (open: Open) => Promise<void>>> = {
  async office_hours(open) {
    const closed = await open({ from: 0, to: 0 });
    expect(await rejection(closed.turn("hello"))).to.include({
      status: 403,
      message: "prompts are accepted from 0 to 0 o'clock",
    });
    expect(await (await open({ from: 0, to: 24 })).turn("hello")).to.include({ success: true });
  },
  async handbook(open) {
    const gateway = await open({ file: "/etc/handbook.md" });
    await gateway.turn("hello", { system_prompt: "Be brief." });
    expect(gateway.ran[0]?.plan.systemPrompt).to.equal("Be brief.\nThe rules are in /etc/handbook.md.");
  },
  async rate_limit(open) {
    const gateway = await open({ per_minute: 1 });
    await gateway.turn("one", { key: "user" });
    const second = await gateway.fetch("/sessions", { key: "user" });
    expect(second.status).to.equal(429);
    expect(second.headers.get("retry-after")).to.equal("60");
    expect((await gateway.fetch("/sessions")).status).to.equal(200);
  },
  async hashed_keys(open) {
    const digests = { [sha256("alice-secret")]: "alice", [sha256("bob-secret")]: "bob" };
    const gateway = await open({ digests, revoked: ["bob"] });
    const status = async (secret: string) =>
      (await gateway.fetch("/sessions", { key: null, headers: { "x-api-key": secret } })).status;
    expect([await status("alice-secret"), await status("bob-secret"), await status("x")]).to.deep.equal([
      200, 401, 401,
    ]);
    expect((await gateway.fetch("/sessions")).status).to.equal(200);
  },
  async house_rules(open) {
    const gateway = await open({ rules: "Be kind.", proxy: "http://127.0.0.1:9" });
    await gateway.turn("hello", { system_prompt: "Be brief." });
    expect(gateway.ran[0]?.plan.systemPrompt).to.equal("Be brief.\nBe kind.");
    expect(gateway.ran[0]?.spawn.env).to.include({ HTTPS_PROXY: "http://127.0.0.1:9" });
  },
  async careful(open) {
    const gateway = await open({}, { replies: callOf });
    expect((await gateway.turn("Read a.txt")).result).to.equal("ran");
    expect((await gateway.turn("Write .env")).result).to.equal("not that file");
    const asked = gateway.turn("Write a.txt");
    const { id, tool } = await gateway.approvals.next();
    expect(tool).to.equal("Write");
    await gateway.approvals.decide(id, "allow");
    expect((await asked).result).to.equal("ran");
  },
  async standup(open) {
    const gateway = await open({ prompt: "/status", every_secs: 0.05 });
    const line = await eventually("an answer", () => gateway.logs.find(({ msg }) => msg === "asked"));
    expect(line).to.include({ plugin: "standup", result: "You said: /status", cost_usd: 0.001 });
    expect(gateway.ran[0]).to.have.nested.property("info.keyId", "standup");
    expect(gateway.ran[0]).to.have.nested.property("plan.verbatim", true);
  },
  async turn_count(open) {
    const gateway = await open({});
    await Promise.all([1, 2, 3].map(() => gateway.turn("hello", { key: "user" })));
    const line = await eventually("three turns", () => gateway.logs.find(({ count }) => count === 3));
    expect(line).to.include({ plugin: "turn_count", msg: "counted", key: "turns/user" });
  },
  async news(open) {
    const source = createHttpServer((_request, response) => response.end("it rains"));
    source.listen(0, "127.0.0.1");
    const gateway = await open({ url: `http://127.0.0.1:${await listeningPort(source)}/` });
    await eventually("news", () => gateway.logs.find(({ news }) => news === "it rains"));
    await gateway.disable("news");
    source.close();
  },
  async daily_budget(open) {
    const gateway = await open({ usd: 0.001 });
    expect(await gateway.turn("one", { key: "user" })).to.include({ success: true });
    const refused = await rejection(gateway.turn("two", { key: "user" }));
    expect(refused).to.have.property("status", 402);
    expect(refused)
      .to.have.property("message")
      .that.matches(/^the daily budget of 0.001 USD is used up or reserved; it begins anew at 2/);
    expect(await gateway.turn("three", { key: "admin" })).to.include({ success: true });
  },
  async notes(open) {
    const gateway = await open({});
    const body = { key_id: "user", text: "is polite" };
    expect((await gateway.fetch("/admin/notes", { body })).status).to.equal(200);
    const { notes } = JSON.parse(await (await gateway.fetch("/admin/notes")).text());
    expect(notes[0]).to.have.nested.property("value.text", "is polite");
    expect((await gateway.fetch("/admin/notes/user", { method: "DELETE" })).status).to.equal(200);
    expect((await gateway.fetch("/admin/notes", { key: "user" })).status).to.equal(403);
  },
  async tiers(open) {
    const gateway = await open({ fast: "haiku" });
    const body = { prompt: "hello", tiers: { tier: "fast" } };
    expect((await gateway.fetch("/task", { key: "user", body })).status).to.equal(200);
    expect(gateway.ran[0]?.plan.model).to.equal("haiku");
    const refused = await gateway.fetch("/task", { key: "user", body: { ...body, tiers: {} } });
    expect(await refused.json()).to.have.property("error", "tiers.tier is missing; it must be fast or good");
  },
  async spending(open) {
    const gateway = await open({});
    await gateway.turn("hello", { key: "user" });
    const own = { key_id: "user", cost_usd: 0.001 };
    for (const key of ["user", "admin"]) {
      expect(await (await gateway.fetch("/spending/user", { key })).json()).to.deep.equal(own);
    }
    expect((await gateway.fetch("/spending/admin", { key: "user" })).status).to.equal(404);
    expect((await gateway.fetch("/spending/user", { key: null })).status).to.equal(401);
  },
  async turn_gauge(open) {
    const port = await freePort();
    const gateway = await open({ port });
    await gateway.turn("hello");
    const read = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
    expect(await read()).to.equal("claudeway_turns 1\n");
    await gateway.disable("turn_gauge");
    await rejection(read());
  },
};

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

describe("docs/plugin-guide.md", () => {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-guide-"));
  const fileOf = (index: number) => `block-${MODULES[index]?.line}.ts`;
  let open: TestGateway[] = [];

  before(async () => {
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    mkdirSync(join(folder, "src"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(folder, "tsconfig.json"),
      readFileSync(join(ROOT, "core/cli/templates/plugin/tsconfig.json")),
    );
    for (const [index, { text }] of MODULES.entries())
      writeFileSync(join(folder, "src", fileOf(index)), text);
    const compiled = await run(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder]).catch((error) => error);
    expect(compiled.stdout, "the page's blocks, by their lines").to.equal("");
  });
  afterEach(async () => {
    await Promise.all(open.map((gateway) => gateway.close()));
    open = [];
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [index, { text, line }] of MODULES.entries()) {
    const file = join(folder, "dist", fileOf(index).replace(/ts$/, "js"));
    if (text.includes('from "node:test"')) {
      it(`line ${line}: its tests pass`, async () => {
        const { stdout } = await run(process.execPath, ["--test", file]);
        expect(stdout).to.match(/^. pass [1-9]\d*\n. fail 0$/mu);
      });
      continue;
    }
    if (text.includes("defineCommand(")) {
      it(`line ${line}: the command prints the answer to its request`, async () => {
        const { default: command }: { default: PluginCommand } = await import(pathToFileURL(file).href);
        const printed: string[] = [];
        await command({
          args: ["ci"],
          url: "http://localhost:3000",
          request: async (path) => ({ path }),
          fetch: () => Promise.reject(new Error("not needed")),
          print: (line) => void printed.push(line),
          signal: AbortSignal.timeout(1000),
        });
        expect(printed).to.deep.equal(['{"path":"/spending/ci"}']);
      });
      continue;
    }
    it(`line ${line}: the plugin does what it is for`, async () => {
      const { default: plugin }: { default: AnyPlugin } = await import(pathToFileURL(file).href);
      const scenario = SCENARIOS[plugin.name];
      if (scenario === undefined) throw new Error(`nothing says what ${plugin.name} has to do`);
      await scenario(async (section, options = {}) => {
        const gateway = await createTestGateway({ ...options, plugins: [[plugin, section]] });
        open.push(gateway);
        return gateway;
      });
      for (const gateway of open) expect(gateway.plugins()[0], plugin.name).to.include({ faults: 0 });
    });
  }

  it("shows a schema and a section that fit each other", async () => {
    const configSchema = JSON.parse(BLOCKS.find(({ language }) => language === "json")?.text ?? "");
    const config = parse(BLOCKS.find(({ text }) => text.startsWith("[plugins.pager]\nurl"))?.text ?? "");
    let given: unknown;
    const pager: AnyPlugin = {
      name: "pager",
      apiVersion: 1,
      configSchema,
      apply: (_kernel, section) => {
        given = section;
      },
    };
    const env = { PAGER_TOKEN: "let us in" };
    open.push(await createTestGateway({ plugins: [pager], config, env }));
    expect(given).to.deep.equal({
      url: "https://pager.example.com/alarms",
      token: "let us in",
      after_usd: 1,
    });
    expect(open[0]?.plugins()[0]?.config).to.include({ token: "***" });
  });

  it("does in a shell what it says", async () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    symlinkSync(join(ROOT, "core/cli/bin/claudeway.js"), join(bin, "claudeway"));
    const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}` };
    for (const { text, output = "" } of BLOCKS.filter(({ language }) => language === "sh")) {
      const { stdout } = await run("bash", ["-euc", text], { cwd: folder, env });
      expect(stdout).to.match(patternOf(output));
    }
  });

  it("tells of every hook", () => {
    const page = readFileSync(PAGE, "utf8");
    const rows = [...page.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].map(([, names]) => names);
    for (const hook of Object.keys(createHooks())) {
      expect(rows.join(), "the table of hooks").to.include(`\`${hook}\``);
    }
  });
});

/** A call as the prompt names it, `Write a.txt`; then what became of it. */
function* callOf({ prompt }: { readonly prompt: string }) {
  const [tool = "", file_path = ""] = prompt.split(" ");
  const outcome: { allowed: true } | { allowed: false; message: string } | undefined = yield {
    tool,
    input: { file_path },
  };
  yield outcome?.allowed === false ? outcome.message : "ran";
}
