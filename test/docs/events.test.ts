import { expect } from "chai";
import { EVENT_NAMES } from "#events/event-kinds.js";
import { KEYS, TestGateway } from "../e2e/gateway.js";
import { SUBSCRIBED } from "../e2e/limit-kit.js";
import { run } from "../packaging/packed.js";
import { blocksOf, patternOf } from "./blocks.js";

const BLOCKS = blocksOf(new URL("../../docs/events.md", import.meta.url));
/** Stands between the outputs of two blocks. */
const MARK = "--- output of the block ---";

describe("docs/events.md", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ env: { IS_SANDBOX: "1", ...SUBSCRIBED } });
  });
  after(() => gateway.dispose());

  it("shows every event, as the gateway sends it", async () => {
    const blocks = BLOCKS.filter(({ language }) => language === "sh");
    const env = { ...process.env, CLAUDEWAY_URL: gateway.url, CLAUDEWAY_KEY: KEYS.bob };
    const script = blocks.map(({ text }) => text).join(`\necho '${MARK}'\n`);
    const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], { cwd: gateway.dir, env });
    const outputs = stdout.split(`${MARK}\n`);
    expect(outputs).to.have.lengthOf(blocks.length);
    for (const [index, { output = "", line }] of blocks.entries())
      expect(outputs[index], `the block at line ${line}`).to.match(patternOf(output));
    const shown = BLOCKS.map(({ text, output = "" }) => text + output).join("\n");
    for (const name of EVENT_NAMES)
      expect(shown).to.match(new RegExp(`^(?:event: )?${name}$|^${name}  `, "m"));
  });
});
