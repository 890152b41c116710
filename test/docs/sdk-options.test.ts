import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isObject, schemaOf } from "@claudeway/schemas";
import { expect } from "chai";
import { KEYS, TestGateway } from "../e2e/gateway.js";
import { run } from "../packaging/packed.js";
import { blocksOf } from "./blocks.js";

const page = (name: string) => new URL(`../../docs/${name}`, import.meta.url);
const ROW = /^\| `(\w+)` \| (request|gateway|plugin|left out) \| (.+) \|$/gm;

/** The names of the properties of the SDK's `Options`. */
function declaredOptions(): string[] {
  const folder = dirname(createRequire(import.meta.url).resolve("@anthropic-ai/claude-agent-sdk"));
  const text = readFileSync(join(folder, "sdk.d.ts"), "utf8").replaceAll("\r\n", "\n");
  const body = /^export declare type Options = \{\n([\s\S]*?)^\};$/m.exec(text)?.[1] ?? "";
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].flatMap(([, name]) => name ?? []);
}

/** The source text of the engine. */
function engineSource(): string {
  const folder = new URL("../../core/engine-claude/src/", import.meta.url);
  return readdirSync(folder)
    .map((file) => readFileSync(new URL(file, folder), "utf8"))
    .join("\n");
}

describe("docs/sdk-options.md", () => {
  const text = readFileSync(page("sdk-options.md"), "utf8");
  const rows = [...text.matchAll(ROW)].map(([, name = "", how = "", why = ""]) => ({ name, how, why }));

  it("lists the options that the SDK declares, in their order", () => {
    const declared = declaredOptions();
    expect(declared.length).to.be.greaterThan(60);
    expect(rows.map(({ name }) => name)).to.deep.equal(declared);
  });

  it("names fields that requests have, and options that the engine sets", () => {
    const { properties } = schemaOf("task-request");
    const fields = Object.keys(isObject(properties) ? properties : {});
    const source = engineSource();
    for (const { name, how, why } of rows) {
      const field = /^`(\w+)`/.exec(why)?.[1];
      if (how === "request") expect(fields, name).to.include(field);
      if (how === "request" || how === "gateway") expect(source, name).to.match(new RegExp(`\\b${name}\\b`));
    }
  });
});

describe("docs/options.md", () => {
  let gateway: TestGateway;
  before(async () => {
    const [, allow = ""] = /```toml\n([\s\S]*?)```/.exec(readFileSync(page("options.md"), "utf8")) ?? [];
    gateway = await TestGateway.start({ config: allow.replace("keys.me", "keys.bob") });
  });
  after(() => gateway.dispose());

  it("has a request for every option, and each is accepted", async () => {
    const [ask, ...examples] = blocksOf(page("options.md")).filter(({ language }) => language === "sh");
    const { properties } = schemaOf("session-start-request");
    const optional = Object.keys(isObject(properties) ? properties : {}).filter((name) => name !== "workdir");
    const more = ["max_turns", "max_budget_usd", "output_schema", "metadata"];
    const all = examples.map(({ text }) => text).join("");
    for (const field of [...optional, ...more]) expect(all).to.include(`"${field}"`);
    const env = { ...process.env, CLAUDEWAY_URL: gateway.url, CLAUDEWAY_KEY: KEYS.bob };
    for (const { text, line } of examples) {
      const script = `${ask?.text}\n${text}`;
      const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], { cwd: gateway.dir, env });
      expect(stdout, `the block at line ${line}`).to.match(/^\{"session_id":/);
    }
  });
});
