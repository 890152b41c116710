import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { catchesSignals } from "./processes.js";

const HOLD = new URL("../fixtures/held/import.js", import.meta.url);

describe("a signal while the program is still being loaded", () => {
  let gateway: TestGateway;
  let until: string;
  beforeEach(async () => {
    gateway = await TestGateway.start();
    await gateway.stop();
    until = join(gateway.dir, "go-on");
  });
  afterEach(() => gateway.dispose());

  /** Starts the command, and sends the signal before its main module is loaded. */
  async function launchWith(signal: NodeJS.Signals, args: readonly string[] = []): Promise<unknown> {
    const env = { NODE_OPTIONS: `--import=${HOLD}`, CLAUDEWAY_HELD_UNTIL: until };
    const launched = gateway.launch({ args, env }).then(
      () => "listens",
      () => "ended",
    );
    await eventually("a handler for SIGHUP", () => catchesSignals(gateway.pid));
    gateway.signal(signal);
    writeFileSync(until, "");
    return launched;
  }

  it("SIGHUP does not affect the start", async () => {
    expect(await launchWith("SIGHUP")).to.equal("listens");
    expect((await gateway.request("/health", { key: null })).status).to.equal(200);
    expect(await gateway.stop()).to.deep.equal({ code: 0, signal: null });
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`${signal} ends it with status 0, and nothing has been opened`, async () => {
      expect(await launchWith(signal, ["--data-dir", "never"])).to.equal("ended");
      expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
      expect(existsSync(join(gateway.dir, "never"))).to.equal(false);
      expect(gateway.stdout).to.equal("");
    });
  }

  for (const [signal, code] of [
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    it(`${signal} ends another command than the gateway, with status ${code}`, async () => {
      expect(await launchWith(signal, ["check"])).to.equal("ended");
      expect(await gateway.ended()).to.deep.equal({ code, signal: null });
      expect(gateway.stdout).to.equal("");
    });
  }
});
