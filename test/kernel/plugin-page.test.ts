import type { PluginPage } from "@claudeway/schemas";
import { expect } from "chai";
import { createKernel, plugin, rejectionMessage, router } from "./kit.js";

const page = (more: object = {}): PluginPage => ({
  title: "Parcels",
  parts: [
    {
      type: "table",
      title: "All",
      source: "/admin/parcels/all",
      rows: "parcels",
      columns: [{ title: "Name", field: "name" }],
      ...more,
    },
  ],
});

describe("the page of a plugin", () => {
  const enable = async (use: (register: (page: PluginPage) => void) => void, prefix = "/admin/parcels") => {
    const { kernel } = createKernel();
    const parcels = plugin("parcels", (scope) => {
      scope.mount(`/${prefix.slice(1)}`, router());
      use((one) => scope.page(one));
    });
    await kernel.enable({ plugins: [parcels] });
    return kernel;
  };

  it("is listed while the plugin is on", async () => {
    const kernel = await enable((register) => register(page()));
    expect(kernel.pages).to.deep.equal([{ plugin: "parcels", page: page() }]);
    expect(Object.isFrozen(kernel.pages[0]?.page.parts)).to.equal(true);
    await kernel.disable("parcels");
    expect(kernel.pages).to.deep.equal([]);
  });

  const refused: [string, object, RegExp][] = [
    [
      "markup in a link",
      { links: [{ label: "x", to: "javascript:alert(1)" }] },
      /page\.parts\[0\]\.links\[0\]\.to must be/,
    ],
    ["a link to another site", { links: [{ label: "x", to: "//example.com" }] }, /links\[0\]\.to must be/],
    ["an unknown field", { colour: "red" }, /unknown field "page\.parts\[0\]\.colour"/],
    [
      "a route outside /admin",
      { source: "/parcels" },
      /parts\[0\]\.source must be a path of the plugin's own routes/,
    ],
    [
      "the route of another plugin",
      { source: "/admin/keys" },
      /\/admin\/keys must be below a prefix that the plugin has mounted/,
    ],
    ["a prefix that only begins like its own", { source: "/admin/parcels2" }, /must be below a prefix/],
    [
      "an action on the route of another plugin",
      { actions: [{ label: "x", method: "DELETE", path: "/admin/keys/{name}" }] },
      /\/admin\/keys\/\{name\} must be below/,
    ],
    ["a way out of its prefix", { source: "/admin/parcels/../keys" }, /source must be/],
    ["an encoded way out of its prefix", { source: "/admin/parcels/%2e%2e/keys" }, /source must be/],
    ["a half encoded way out", { source: "/admin/parcels/.%2E/keys" }, /source must be/],
    [
      "an encoded way out in an action",
      { actions: [{ label: "x", method: "DELETE", path: "/admin/parcels/%2e%2e/keys/{name}" }] },
      /actions\[0\]\.path must be/,
    ],
    ["dots around a field that may be empty", { source: "/admin/parcels/.{a}{b}./keys" }, /source must be/],
  ];
  for (const [what, more, message] of refused) {
    it(`is refused with ${what}`, async () => {
      expect(await rejectionMessage(enable((register) => register(page(more))))).to.match(message);
    });
  }

  it("is refused twice, and before its routes are mounted", async () => {
    const twice = enable((register) => [register(page()), register(page())]);
    expect(await rejectionMessage(twice)).to.contain("page must be called once");
    expect(await rejectionMessage(enable((register) => register(page()), "/other"))).to.contain(
      "mounted are /other",
    );
  });
});
