import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findClaude } from "@claudeway/engine-claude";
import { expect } from "chai";
import { cliEnvironment, KEYS, TestGateway } from "../e2e/gateway.js";
import { run } from "../packaging/packed.js";
import { blocksOf, patternOf } from "./blocks.js";

const BLOCKS = blocksOf(new URL("../../docs/recipes.md", import.meta.url));
/** Stands between the outputs of two blocks. */
const MARK = "--- output of the block ---";

/** Breaks a body that a shell puts together: quotes of both kinds, a backslash, a dollar. */
const RUST = `fn main() { println!("it's \\"quoted\\" $HOME {}", '\\\\'); }\n`;

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

const FILES: Readonly<Record<string, string>> = {
  "src/main.rs": RUST,
  "src/a.py": 'print("a")\n',
  "src/b c.py": "print('b c')\n",
};

describe("docs/recipes.md", () => {
  let gateway: TestGateway;
  let work: string;

  before(async () => {
    // The demo model only, as a reader has it. The bypass, as by default: root has it only with this.
    const env = { IS_SANDBOX: "1", ANTHROPIC_BASE_URL: undefined, ANTHROPIC_API_KEY: undefined };
    const config = '[plugins.demo]\nenabled = true\nconfig_dir = "demo"\n[plugins.mcp]\nenabled = true\n';
    gateway = await TestGateway.start({ env, config });
    work = join(gateway.dir, "recipes");
    mkdirSync(join(work, "src"), { recursive: true });
    writeFileSync(join(work, "logo.png"), Buffer.from(PNG, "base64"));
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(work, name), text);
  });
  after(() => gateway.dispose());

  /** Runs a script as the page's reader would. */
  async function bash(script: string): Promise<string> {
    const env = {
      ...process.env,
      // Of the reader's own Claude Code.
      ...cliEnvironment(gateway.model, work),
      PATH: `${dirname(findClaude(undefined).path)}:${process.env["PATH"]}`,
      CLAUDEWAY_URL: gateway.url,
      CLAUDEWAY_KEY: KEYS.bob,
    };
    const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], { cwd: work, env });
    return stdout;
  }

  it("does in a shell what it says, block by block", async () => {
    const blocks = BLOCKS.filter(({ language }) => language === "sh");
    const script = blocks.map(({ text }) => text.replaceAll(/^export CLAUDEWAY_.*$/gm, ""));
    const outputs = (await bash(script.join(`\necho '${MARK}'\n`))).split(`${MARK}\n`);
    expect(outputs).to.have.lengthOf(blocks.length);
    for (const [index, { output = "", line }] of blocks.entries()) {
      expect(outputs[index], `the block at line ${line}`).to.match(patternOf(output));
    }
    expect(outputs.join("")).to.include("=== src/a.py ===\n").and.to.include("=== src/b c.py ===\n");
  });

  it("sends files as they are", () => {
    const prompts = transcribedPrompts(join(gateway.dir, "demo"));
    for (const text of Object.values(FILES)) {
      expect(prompts.filter((prompt) => prompt.endsWith(`\n\n${text}`))).to.have.lengthOf(1);
    }
  });

  describe("the workflow", () => {
    const workflow = BLOCKS.find(({ language }) => language === "yaml");
    const script = /^ +run: \|\n((?: {10}.*\n)+)/m.exec(workflow?.text ?? "")?.[1] ?? "";

    before(() => {
      execFileSync("bash", ["-ec", REPOSITORY], { cwd: work });
    });

    it("prints the review of a diff", async () => {
      expect(await bash(script)).to.match(patternOf(workflow?.output ?? "no output"));
    });

    it("is not billed twice when it runs again", async () => {
      const tasks = async () => (await gateway.request("/tasks", { key: KEYS.bob })).body;
      const before = await tasks();
      expect(await bash(script)).to.match(patternOf(workflow?.output ?? "no output"));
      expect(await tasks()).to.deep.equal(before);
    });
  });
});

/** The prompts in the CLI's transcripts. */
function transcribedPrompts(configDir: string): string[] {
  return readdirSync(configDir, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(configDir, name), "utf8").trim().split("\n"))
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === "user")
    .flatMap(({ message }) => (typeof message.content === "string" ? [message.content] : message.content))
    .map((part) => (typeof part === "string" ? part : String(part.text)));
}

const REPOSITORY = `
git init -q -b main .
git config user.email ci@example.com
git config user.name ci
git add src && git commit -qm one
git update-ref refs/remotes/origin/main HEAD
echo '// "two"' >> src/main.rs
git commit -qam two
`;
