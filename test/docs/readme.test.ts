import { expect } from "chai";
import { KEYS, TestGateway } from "../e2e/gateway.js";
import { run } from "../packaging/packed.js";
import { type Block, blocksOf } from "./blocks.js";

const BLOCKS = blocksOf(new URL("../../README.md", import.meta.url));

describe("README.md", () => {
  let gateway: TestGateway;

  before(async () => {
    gateway = await TestGateway.start();
  });
  after(() => gateway.dispose());

  /** Runs a block as a reader would, against the test's gateway. */
  async function bash({ text }: Block): Promise<string> {
    const script = text.replaceAll("localhost:3000", gateway.url).replace(/^KEY=.*$/m, "");
    const env = { ...process.env, KEY: KEYS.bob };
    return (await run("bash", ["-euo", "pipefail", "-c", script], { env })).stdout;
  }

  it("shows what the commands print", async () => {
    const commands = BLOCKS.filter(({ text }) => text.includes("curl -s"));
    expect(commands).to.have.lengthOf(2);
    for (const block of commands) {
      const shown = BLOCKS[BLOCKS.indexOf(block) + 1]?.text ?? "";
      expect(shapeOf(await bash(block)), `the block at line ${block.line}`).to.deep.equal(shapeOf(shown));
    }
  });
});

/**
 * The shape of an output: JSON by its fields, since ids, times and costs differ; text events as one, since a loaded
 * machine merges them.
 */
function shapeOf(output: string): string[] {
  const lines = output.split("\n").filter((line) => !/^(?:id: .*|data: [^{]*|)$/.test(line));
  return lines
    .filter((line, index) => line !== lines[index - 1])
    .map((line) => line.replace(/\{.*\}$/, (json) => Object.keys(JSON.parse(json)).join()));
}
