import { expect } from "chai";
import { type LiveCli, type LiveSettings, ProcessSettings } from "#engine-claude/live-settings.js";
import { ModelWatch } from "#engine-claude/model-watch.js";
import { Stage } from "./stage.js";

const SERVERS = { sums: { type: "http", url: "http://localhost/mcp" } } as const;
const NONE: LiveSettings = { model: "sonnet", effort: undefined, plan: false, mcpServers: {} };

/** A CLI that records the settings it gets. */
class NotingCli implements LiveCli {
  readonly told: unknown[] = [];
  /** The mode that it reports, if not the requested one. */
  refuses: "default" | undefined;

  async setModel(model?: string) {
    this.told.push(model);
  }

  async setPermissionMode(mode: Parameters<LiveCli["setPermissionMode"]>[0]) {
    this.told.push(mode);
    return { mode: this.refuses ?? mode };
  }

  async setMcpServers(servers: Parameters<LiveCli["setMcpServers"]>[0]) {
    this.told.push(Object.keys(servers));
    return { added: [], removed: [], errors: {} };
  }

  async applyFlagSettings({ effortLevel }: Parameters<LiveCli["applyFlagSettings"]>[0]) {
    this.told.push(effortLevel);
  }
}

describe("settings of a live process", () => {
  const stage = new Stage({
    query: () => {
      throw new Error("nothing is started");
    },
    program: "/bin/cat",
    env: {},
    workdir: "/",
  });
  const turn = stage.turn("hi");

  async function become(started: LiveSettings, ...wanted: Partial<LiveSettings>[]): Promise<unknown[]> {
    const cli = new NotingCli();
    const settings = new ProcessSettings(started, new ModelWatch());
    for (const one of wanted) await settings.become({ ...NONE, ...one }, turn, (change) => change(cli));
    return cli.told;
  }

  it("change nothing for a turn that asks for the same", async () => {
    expect(await become(NONE, {}, {})).to.deep.equal([]);
  });

  it("change what a turn asks for, and back for the next", async () => {
    expect(await become(NONE, { model: "opus" }, {})).to.deep.equal(["opus", "sonnet"]);
    expect(await become(NONE, { plan: true }, { plan: true }, {}, {})).to.deep.equal([
      "plan",
      "plan",
      "bypassPermissions",
    ]);
    expect(await become(NONE, { mcpServers: SERVERS }, {})).to.deep.equal([["sums"], []]);
  });

  it("name the servers that the process was started with before these are removed", async () => {
    expect(await become({ ...NONE, mcpServers: SERVERS }, {}, {})).to.deep.equal([["sums"], []]);
  });

  it("can't go back to an effort that was never set", () => {
    const settings = new ProcessSettings({ ...NONE, effort: "low" }, new ModelWatch());
    expect(settings.canBecome(NONE)).to.equal(false);
    expect(settings.canBecome({ ...NONE, effort: "high" })).to.equal(true);
  });

  it("fail where the CLI does not enter plan mode", async () => {
    const cli = new NotingCli();
    cli.refuses = "default";
    const settings = new ProcessSettings(NONE, new ModelWatch());
    const failed = await settings
      .become({ ...NONE, plan: true }, turn, (change) => change(cli))
      .catch((error: unknown) => error);
    expect(String(failed)).to.include("the CLI stays in default mode");
  });
});
