import { expect } from "chai";
import { PluginError } from "#kernel/faults.js";
import type { PluginSelection } from "#kernel/loading/selection.js";
import { createKernel, fixture, plugin, rejection } from "./kit.js";

const a = plugin("a", () => {});
const b = plugin("b", () => {});
const c = plugin("c", () => {});

describe("plugin selection", () => {
  const names = async (selection: PluginSelection) =>
    (await createKernel().kernel.check(selection)).map(({ name }) => name);
  const problem = async (selection: PluginSelection) => {
    const error = await rejection(createKernel().kernel.check(selection));
    expect(error).to.be.instanceOf(PluginError);
    return error instanceof Error ? error.message : "";
  };

  it("orders plugins enabled by sections first, then the named ones", async () => {
    const sections = { b: {}, a: {}, demo: { enabled: true } };
    expect(await names({ plugins: [c, a, b], sections })).to.deep.equal(["demo", "c", "a", "b"]);
  });

  it("loads a plugin once, however often and in whatever way it is named", async () => {
    const folder = fixture("good");
    const plugins = [folder, folder, `${folder}/`, `${folder}/index.js`];
    expect(await names({ plugins })).to.deep.equal(["good"]);
  });

  it("does not import disabled plugins, by own name or as configured", async () => {
    expect(await names({ plugins: [a, b], disabled: ["a"] })).to.deep.equal(["b"]);
    const broken = fixture("throws-at-import");
    expect(await names({ plugins: [broken, b], disabled: [broken] })).to.deep.equal(["b"]);
  });

  it("enables plugins by their sections", async () => {
    expect(await names({ sections: { demo: { enabled: false } } })).to.deep.equal([]);
    expect(await names({ sections: { demo: {} } })).to.deep.equal([]);
    expect(await names({ sections: { demo: { enabled: true } }, disabled: ["demo"] })).to.deep.equal([]);
  });

  it("finds the section of a third-party plugin by its own name", async () => {
    const sections = { good: { enabled: true, greeting: "hi" } };
    for (const plugins of [[fixture("good")], ["good", fixture("good")], [fixture("good"), "good"]]) {
      const [checked, ...others] = await createKernel().kernel.check({ plugins, sections });
      expect(checked?.config).to.deep.equal({ greeting: "hi" });
      expect(others).to.deep.equal([]);
    }
  });

  it("refuses sections and flags with unknown names, with the nearest known name", async () => {
    expect(await problem({ sections: { dmeo: { latency_ms: 5 } } })).to.match(
      /^plugins\.dmeo: unknown plugin "dmeo"; did you mean demo\? known plugins: .*demo.*; or name a package .*; looked for @claudeway\/plugin-dmeo, claudeway-plugin-dmeo in /,
    );
    expect(await problem({ sections: { dmeo: { enabled: true } } })).to.match(
      /^unknown plugin "dmeo"; did you mean demo\?/,
    );
    expect(await problem({ plugins: [a], sections: { good: { greeting: "hi" } } })).to.match(
      /^plugins\.good: unknown plugin "good"; /,
    );
    expect(await problem({ disabled: ["dmeo"] })).to.match(
      /^--disable-plugin dmeo: unknown plugin "dmeo"; did you mean demo\?/,
    );
  });

  it("ignores a disabled section, even of an unknown plugin", async () => {
    expect(await names({ sections: { good: { enabled: false } } })).to.deep.equal([]);
    expect(await names({ sections: { good: { greeting: "hi" } }, disabled: ["good"] })).to.deep.equal([]);
  });

  it("refuses an `enabled` that is neither true nor false", async () => {
    expect(await problem({ sections: { demo: { enabled: "yes" } } })).to.equal(
      'plugins.demo.enabled must be true or false, got "yes"',
    );
  });

  it("refuses two plugins of one name, with where they come from", async () => {
    const twin = plugin("a", () => {});
    expect(await problem({ plugins: [a, twin] })).to.equal(
      "plugin a: two plugins have this name: (given) and (given)",
    );
  });

  it("treats names of Object.prototype like others", async () => {
    const odd = plugin("constructor", () => {});
    const [checked] = await createKernel().kernel.check({ plugins: [odd] });
    expect(checked?.config).to.deep.equal({});
  });
});
