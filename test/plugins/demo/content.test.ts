import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect } from "chai";
import { type ScriptedModel, startScriptedModel } from "#plugins/demo/model/index.js";
import { sampleOf } from "#plugins/demo/model/sample.js";
import { post, readEvents, requestBody, streamedText } from "./messages-api.js";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAYAAACddGYaAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const GIF = Buffer.from("GIF89a\x40\x01\xf0\x00\x00\x00\x00;", "latin1").toString("base64");

const image = (media_type: string, data: string) => ({
  type: "image",
  source: { type: "base64", media_type, data },
});
const pdf = {
  type: "base64",
  media_type: "application/pdf",
  data: Buffer.from("%PDF-1.1").toString("base64"),
};

describe("demo: attachments and structured output", () => {
  let model: ScriptedModel;
  before(async () => {
    model = await startScriptedModel();
  });
  after(() => model.close());

  async function say(content: unknown): Promise<string> {
    const body = { ...requestBody([]), messages: [{ role: "user", content }] };
    return streamedText(readEvents(await (await post(model.url, body)).text()));
  }

  describe("attachments", () => {
    const what = { type: "text", text: "What is it?" };
    for (const [words, block] of [
      ["an image: image/png, 70 bytes, 3 × 2 pixels", image("image/png", PNG)],
      ["an image: image/gif, 14 bytes, 320 × 240 pixels", image("image/gif", GIF)],
      ["an image: image/jpeg, 4 bytes", image("image/jpeg", "/9j/4A==")],
      ["an image: image/png, 8 bytes", image("image/png", "iVBORw0KGgo=")],
      ["an image at http://x/y.png", { type: "image", source: { type: "url", url: "http://x/y.png" } }],
      ["a document: application/pdf, 8 bytes", { type: "document", source: pdf }],
      [
        'a document "plan.pdf": application/pdf, 8 bytes',
        { type: "document", source: pdf, title: "plan.pdf" },
      ],
      ["an image", { type: "image" }],
    ] as const) {
      it(`says: ${words}`, async () => {
        expect(await say([block, what])).to.include(`Claude. You sent ${words}. You wrote: "What is it?".`);
      });
    }

    it("makes a prompt without text, and does not read the CLI's note on it as one", async () => {
      const note = { type: "text", text: "[Image: source: /tmp/1.png]" };
      expect(await say([image("image/png", PNG), note])).to.include('pixels. You wrote: "".');
    });

    it("leaves directives their answer", async () => {
      expect(await say([image("image/png", PNG), { type: "text", text: "[[say seen]]" }])).to.equal("seen");
    });

    it("describes an image that a tool read", async () => {
      const call = { type: "tool_use", id: "toolu_demo_0_x", name: "Read", input: { file_path: "a.png" } };
      const result = { type: "tool_result", tool_use_id: call.id, content: [image("image/png", PNG)] };
      const messages = [
        { role: "user", content: "[[read a.png]]" },
        { role: "assistant", content: [call] },
        { role: "user", content: [result] },
      ];
      const sent = await (await post(model.url, { ...requestBody([]), messages })).text();
      expect(streamedText(readEvents(sent))).to.equal(
        "Read answered: an image: image/png, 70 bytes, 3 × 2 pixels",
      );
    });
  });

  describe("structured output", () => {
    const schema = { type: "object", properties: { title: { type: "string" } }, required: ["title"] };

    /** The calls of the answer to a prompt with an output schema. */
    async function calls(prompt: string, input_schema: unknown = schema): Promise<unknown[]> {
      const tools = [{ name: "Bash" }, { name: "StructuredOutput", input_schema }];
      const body = requestBody([prompt], { tools, stream: false });
      const answer: unknown = await (await post(model.url, body)).json();
      if (typeof answer !== "object" || answer === null || !("content" in answer))
        throw new Error("no content");
      if (!Array.isArray(answer.content)) throw new Error("no blocks");
      return answer.content.filter(({ type }) => type === "tool_use").map(({ name, input }) => [name, input]);
    }

    it("is filled unasked, and as a directive says", async () => {
      expect(await calls("A  door")).to.deep.equal([["StructuredOutput", { title: "Demo: A door" }]]);
      expect(await calls("[[fill]]")).to.deep.equal([["StructuredOutput", { title: "Demo: [[fill]]" }]]);
      expect(await calls('[[fill {"title": 5}]]')).to.deep.equal([["StructuredOutput", { title: 5 }]]);
    });

    it("is left to other directives, and to a malformed one", async () => {
      expect(await calls("[[say no]]")).to.deep.equal([]);
      expect(await calls("[[fill nonsense]]")).to.deep.equal([]);
    });

    const integer = { type: "integer", minimum: 3 };
    for (const value of [
      {
        properties: { a: integer, b: { type: ["null", "string"] }, c: { type: "boolean" } },
        required: ["a", "b"],
      },
      {
        properties: {
          kind: { const: "x" },
          size: { enum: ["s", "l"] },
          n: { examples: [7], type: "number" },
        },
      },
      { properties: { list: { type: "array", minItems: 2, items: integer } }, required: ["list"] },
      { properties: { one: { anyOf: [integer, { type: "string" }] }, other: { oneOf: [{ type: "null" }] } } },
      { properties: { short: { type: "string", maxLength: 3 }, long: { type: "string", minLength: 90 } } },
      ...["date", "date-time", "time", "email", "uri", "uuid"].map((format) => ({
        properties: { [format]: { type: "string", format } },
      })),
    ]) {
      it(`matches ${JSON.stringify(value).slice(0, 60)}`, () => {
        const ajv = new Ajv2020({ strict: false });
        addFormats.default(ajv);
        const isValid = ajv.validate({ type: "object", ...value }, sampleOf(value, "Demo: x"));
        expect(ajv.errors).to.equal(null);
        expect(isValid).to.equal(true);
      });
    }
  });
});
