import { expect } from "chai";
import { placeToBlame } from "#kernel/error-attribution.js";
import { createKernel, fixture } from "./kit.js";

const PLACES = ["/gw/plugins/a", "/gw/plugins/ab", "/gw/one.js", "/my dir/p"];

function withFrames(...frames: string[]): Error {
  return Object.assign(new Error("x"), {
    stack: ["Error: x", ...frames.map((one) => `    at ${one}`)].join("\n"),
  });
}

const CORE_FRAME = `Scope.mount (${new URL("../../core/kernel/dist/scope.js", import.meta.url).href}:1:2)`;
const TIMERS = "listOnTimeout (node:internal/timers:581:17)";

describe("the attribution of an uncaught error", () => {
  const table: readonly [what: string, frames: string[], place: string | undefined][] = [
    [
      "an ES module's frame",
      ["Timeout._onTimeout (file:///gw/plugins/a/dist/i.js:3:9)", TIMERS],
      "/gw/plugins/a",
    ],
    ["a CommonJS module's", ["Timeout._onTimeout (/gw/plugins/ab/i.js:3:9)", TIMERS], "/gw/plugins/ab"],
    ["a lone file's", ["file:///gw/one.js:3:9"], "/gw/one.js"],
    ["a path with a blank", ["f (file:///my%20dir/p/i.js:3:9)"], "/my dir/p"],
    ["a package of the plugin's own", ["f (/gw/plugins/a/node_modules/x/i.js:1:1)", TIMERS], "/gw/plugins/a"],
    [
      "another's package that the plugin called",
      ["f (/gw/node_modules/x/i.js:1:1)", "/gw/one.js:1:1"],
      "/gw/one.js",
    ],
    ["the gateway, called by a plugin", [CORE_FRAME, "Timeout (/gw/one.js:1:1)", TIMERS], "/gw/one.js"],
    ["a plugin, called by the gateway", ["f (/gw/one.js:1:1)", CORE_FRAME], undefined],
    ["the gateway alone", [CORE_FRAME, TIMERS], undefined],
    ["Node alone", ["TCPConnectWrap.afterConnect (node:net:1555:16)"], undefined],
    ["a neighbour whose name begins alike", ["f (/gw/plugins/abc/i.js:1:1)"], undefined],
  ];
  for (const [what, frames, place] of table) {
    it(`${what}: ${place ?? "no plugin"}`, () => {
      expect(placeToBlame(withFrames(...frames), PLACES, "exception")).to.equal(place);
    });
  }

  it("attributes a plugin's promise to the plugin, whoever called it", () => {
    const floating = withFrames("f (/gw/one.js:1:1)", CORE_FRAME);
    expect(placeToBlame(floating, PLACES, "rejection")).to.equal("/gw/one.js");
    expect(placeToBlame(withFrames(CORE_FRAME), PLACES, "rejection")).to.equal(undefined);
  });

  it("attributes code of a gateway in a plugin's node_modules to the gateway", () => {
    const above = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
    expect(placeToBlame(withFrames(CORE_FRAME), [above], "exception")).to.equal(undefined);
    expect(placeToBlame(withFrames(`f (${above}/index.js:1:1)`), [above], "exception")).to.equal(above);
  });

  it("is a plugin's fault while it is on, logged also when it is off, and never floods the log", async () => {
    const { kernel, lines, complaints } = createKernel();
    const error = withFrames(`f (${fixture("good")}/index.js:1:1)`, TIMERS);
    expect(kernel.blame(error, "exception"), "nobody knows it yet").to.equal(false);
    await kernel.enable({ plugins: [fixture("good")] });
    expect(kernel.blame(error, "exception")).to.equal(true);
    expect(kernel.status()[0]).to.include({
      faults: 1,
      lastError: "plugin good: uncaught error: x",
      lastErrorCode: "CW_PLUGIN_UNCAUGHT",
    });
    await kernel.disable("good");
    for (let n = 0; n < 100; n += 1) expect(kernel.blame(error, "exception")).to.equal(true);
    expect(complaints()).to.deep.equal(Array(11).fill("plugin good: uncaught error: x"));
    expect(lines.at(-1)).to.include({ plugin: "good" });
  });

  it("ignores a thrown value that is not an error", () => {
    for (const odd of [
      "text",
      undefined,
      null,
      Object.create(null),
      Object.assign(new Error(), { stack: 5 }),
    ])
      expect(placeToBlame(odd, PLACES, "exception")).to.equal(undefined);
  });
});
