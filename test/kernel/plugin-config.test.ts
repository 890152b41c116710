import { expect } from "chai";
import { PluginError } from "#kernel/faults.js";
import { compileConfigSchema } from "#kernel/loading/plugin-config.js";
import type { JSONSchema } from "#kernel/plugin.js";
import { createKernel, fixture, plugin, rejectionMessage } from "./kit.js";

const SCHEMA: JSONSchema = {
  type: "object",
  additionalProperties: false,
  required: ["chat_id"],
  properties: {
    chat_id: { type: "string" },
    bot_token: { type: "string", pattern: "^\\d+:" },
    mode: { enum: ["topics", "plain"], default: "topics" },
    retries: { type: "integer", minimum: 0, default: 3 },
    rules: { type: "array", items: { type: "object", properties: { tool: { type: "string" } } } },
  },
};

function check(section: Record<string, unknown>, schema = SCHEMA): unknown {
  try {
    return compileConfigSchema("telegram", schema)(section);
  } catch (error) {
    expect(error).to.be.instanceOf(PluginError);
    return error instanceof Error ? error.message : undefined;
  }
}

describe("plugin configuration", () => {
  it("fills in defaults, removes `enabled`, and does not change its argument", () => {
    const given = { enabled: true, chat_id: "-100" };
    expect(check(given)).to.deep.equal({ chat_id: "-100", mode: "topics", retries: 3 });
    expect(given).to.deep.equal({ enabled: true, chat_id: "-100" });
  });

  it("freezes the plugin's copy deeply, and shares nothing with the original", () => {
    const given = { chat_id: "-100", rules: [{ tool: "Bash" }] };
    const config = compileConfigSchema("telegram", SCHEMA)(given);
    expect(Object.isFrozen(config)).to.equal(true);
    expect(Object.isFrozen(config["rules"])).to.equal(true);
    given.rules.push({ tool: "Write" });
    expect(config["rules"]).to.deep.equal([{ tool: "Bash" }]);
    const { rules } = config;
    expect(Array.isArray(rules) && rules.every(Object.isFrozen)).to.equal(true);
  });

  const refused: readonly [section: Record<string, unknown>, line: RegExp][] = [
    [{ chat_id: 5 }, /^plugins\.telegram\.chat_id must be a string, got 5$/],
    [{}, /^plugins\.telegram\.chat_id is missing; it must be a string$/],
    [{ chat_id: "x", mod: "plain" }, /^unknown setting "plugins\.telegram\.mod"; did you mean mode\?$/],
    [{ chatid: "x" }, /^unknown setting "plugins\.telegram\.chatid"; did you mean chat_id\?$/],
    [
      { chat_id: "x", zebra: 1 },
      /^unknown setting "plugins\.telegram\.zebra"; known settings: chat_id, bot_token, /,
    ],
    [
      { chat_id: "x", mode: "topic" },
      /^plugins\.telegram\.mode must be topics or plain, got "topic"; did you mean topics\?$/,
    ],
    [{ chat_id: "x", retries: -1 }, /^plugins\.telegram\.retries must be an integer of at least 0, got -1$/],
    [
      { chat_id: "x", rules: [{}, { tool: 5 }] },
      /^plugins\.telegram\.rules\[1\]\.tool must be a string, got 5$/,
    ],
  ];
  for (const [section, line] of refused) {
    it(`refuses ${JSON.stringify(section)} in one line`, () => {
      expect(check(section)).to.match(line);
    });
  }

  it("never shows the value of a secret", () => {
    expect(check({ chat_id: "x", bot_token: "hunter2" })).to.match(
      /bot_token must be .*, got a string \(not shown\)/,
    );
  });

  it("refuses unknown keys by default", () => {
    expect(check({ anything: 1 }, { properties: { something: { type: "string" } } })).to.match(
      /unknown setting "plugins\.telegram\.anything"/,
    );
    const composed = {
      allOf: [{ properties: { one: { type: "string" } } }],
      properties: { two: { type: "string" } },
    };
    expect(check({ one: "1", two: "2" }, composed)).to.deep.equal({ one: "1", two: "2" });
    expect(check({ one: "1", three: "3" }, composed)).to.match(/unknown setting "plugins\.telegram\.three"/);
  });

  it("accepts unknown keys if the schema allows them", () => {
    expect(check({ anything: 1 }, { additionalProperties: true })).to.deep.equal({ anything: 1 });
  });

  it("refuses invalid schemas, with the position", () => {
    expect(check({}, { type: "objekt" })).to.match(
      /^plugin telegram: its configSchema must be a JSON Schema 2020-12: /,
    );
    expect(check({}, { properties: { a: { $ref: "#/$defs/none" } } })).to.match(
      /can't resolve reference #\/\$defs\/none/,
    );
    expect(check({}, { properties: { a: { typo: 1 } } })).to.match(/unknown keyword: "typo"/);
    expect(check({}, { $schema: "http://json-schema.org/draft-07/schema#" })).to.match(/draft-07/);
  });

  it("refuses a schema that claims `enabled`, which the plugin would never see", () => {
    expect(check({}, { properties: { enabled: { type: "boolean" } } })).to.match(
      /must not have the property "enabled"/,
    );
  });

  it("refuses an $async schema, with which every section would pass", () => {
    expect(check({}, { $async: true, type: "object", required: ["a"] })).to.match(
      /configSchema must be a JSON Schema 2020-12: \$async/,
    );
  });

  it("accepts two plugins with the same $id in their schemas", async () => {
    const { kernel } = createKernel();
    const configSchema = {
      $id: "https://example.org/config.json",
      type: "object",
      properties: { a: { $id: "https://example.org/a.json", type: "string" } },
    };
    const plugins = ["one", "two"].map((name) =>
      plugin(name, () => {}, { configSchema: structuredClone(configSchema) }),
    );
    await kernel.enable({ plugins });
    expect(kernel.status().map(({ state }) => state)).to.deep.equal(["on", "on"]);
  });

  it("is checked before anything starts", async () => {
    const { kernel } = createKernel();
    let started = 0;
    const first = plugin("first", () => {
      started += 1;
    });
    const selection = { plugins: [first, fixture("good")], sections: { first: {}, good: { greting: "hi" } } };
    expect(await rejectionMessage(kernel.enable(selection))).to.equal(
      'unknown setting "plugins.good.greting"; did you mean greeting?',
    );
    expect(started).to.equal(0);
  });

  it("is shown in the status with its secrets masked", async () => {
    const { kernel } = createKernel();
    const configSchema = {
      type: "object",
      properties: {
        token: { type: "string" },
        max_tokens: { type: "integer" },
        pin: { type: "integer", "x-secret": true },
        nested: {
          type: "object",
          properties: { code: { type: "string", "x-secret": true }, url: { type: "string" } },
        },
        keys: { type: "array", items: { type: "string" } },
        api_keys: { type: "array", items: { type: "string" } },
        key: { type: "string" },
      },
    };
    const section = {
      token: "t",
      max_tokens: 5,
      pin: 1234,
      nested: { code: "c", url: "u" },
      keys: ["k"],
      api_keys: ["a"],
      key: "k",
    };
    await kernel.enable({ plugins: [plugin("p", () => {}, { configSchema })], sections: { p: section } });
    expect(kernel.status()[0]?.config).to.deep.equal({
      token: "***",
      max_tokens: 5,
      pin: "***",
      nested: { code: "***", url: "u" },
      keys: ["k"],
      api_keys: "***",
      key: "***",
    });
  });
});
