import { expect } from "chai";
import { debianProgram } from "../../debian.js";
import { HostileCaller, SANDBOX, TRIED } from "./hostile-caller.js";

describe("attacks of a hostile caller with the permission bypass on", () => {
  before(async () => {
    await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
  });
  let caller: HostileCaller | undefined;
  afterEach(async () => {
    await caller?.dispose();
    caller = undefined;
  });

  it("all fail in the sandbox", async () => {
    caller = await HostileCaller.start(SANDBOX);
    expect(await caller.attack()).to.deep.equal([]);
    if (TRIED.some(({ what }) => what === "400 processes"))
      await caller.gateway.logs("a sandbox has used up its processes");
    const ended = [...caller.codes].map(([index, code]) => [TRIED[index]?.what, code]);
    expect(ended).to.deep.equal(
      TRIED.flatMap(({ what, endsTurn }) => (endsTurn === undefined ? [] : [[what, endsTurn]])),
    );
  });

  it("all work without it", async () => {
    caller = await HostileCaller.start("");
    const through = await caller.attack();
    expect(TRIED.map(({ what }) => what).filter((what) => !through.includes(what))).to.deep.equal([]);
  });
});
