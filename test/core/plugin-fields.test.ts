import { once } from "node:events";
import { definePlugin, Refusal, type TurnInfo, type TurnRunner } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { WebSocket } from "ws";
import { rejectionMessage } from "../kernel/kit.js";

const SCHEMA = {
  type: "object",
  properties: {
    tier: { type: "string", enum: ["fast", "good"], description: "How good." },
    note: { type: "string" },
    tries: { type: "integer", minimum: 1, default: 1, description: "How often." },
  },
} as const;

interface Routing {
  readonly tier?: "fast" | "good";
  readonly tries: number;
}

const FORM = "multipart/form-data; boundary=x";
const part = (name: string, text: string) =>
  `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`;

function idIn(body: unknown): string {
  return body !== null && typeof body === "object" && "session_id" in body ? String(body.session_id) : "";
}

describe("fields of plugins in requests", () => {
  let gateway: TestGateway;
  let turns: TurnRunner;
  /** What the plugin found, by hook. */
  const seen: [string, Readonly<Routing> | undefined][] = [];
  const routing = definePlugin<object, "turns">({
    name: "routing",
    apiVersion: 1,
    configSchema: { type: "object" },
    needs: ["turns"],
    apply(kernel) {
      turns = kernel.turns;
      const fields = kernel.requestFields<Routing>(SCHEMA);
      const see = (hook: string) => (turn: TurnInfo) => void seen.push([hook, fields(turn)]);
      kernel.hooks.beforeExecute.tap("route", (plan, turn) => {
        see("beforeExecute")(turn);
        if (fields(turn)?.tries === 7) throw new Refusal(400, "7 is too many");
        return fields(turn)?.tier === "fast" ? { ...plan, model: "haiku" } : plan;
      });
      kernel.hooks.spawn.tap("see", (_plan, turn) => turn && see("spawn")(turn));
      kernel.hooks.afterExecute.tap("see", see("afterExecute"));
    },
  });
  const quiet = definePlugin<object>({
    name: "quiet",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply: () => undefined,
  });
  before(async () => {
    gateway = await createTestGateway({ plugins: [routing, quiet] });
  });
  after(() => gateway.close());
  beforeEach(() => seen.splice(0));

  const send = async (path: string, json: object, method = "POST") => {
    const response = await gateway.fetch(path, { method, key: "user", body: json });
    const body: unknown = await response.json();
    return { status: response.status, body };
  };
  const start = async (json: object) => {
    const { body } = await send("/session/start", json);
    return idIn(body);
  };
  const found = () => seen.filter(([hook]) => hook === "beforeExecute").map(([, fields]) => fields);

  it("reach the taps of a task's turn, with their defaults", async () => {
    const { status } = await send("/task", { prompt: "hi", routing: { tier: "fast" } });
    expect(status).to.equal(200);
    const fields = { tier: "fast", tries: 1 };
    expect(seen).to.deep.include.members([
      ["beforeExecute", fields],
      ["spawn", fields],
    ]);
    expect(gateway.ran.at(-1)?.plan.model).to.equal("haiku");
  });

  it("may be left out", async () => {
    expect((await send("/task", { prompt: "hi" })).status).to.equal(200);
    expect(found()).to.deep.equal([undefined]);
  });

  it("of a session hold for its prompts, and those of a prompt for it alone", async () => {
    const id = await start({ routing: { tier: "fast" } });
    await send(`/session/${id}`, { prompt: "1" });
    await send(`/session/${id}`, { prompt: "2", routing: { tries: 2 } });
    await send(`/session/${id}`, { prompt: "3" });
    expect(found()).to.deep.equal([{ tier: "fast", tries: 1 }, { tries: 2 }, { tier: "fast", tries: 1 }]);
  });

  it("of a session can be changed and removed, and survive other changes", async () => {
    const id = await start({ effort: "low", routing: { tier: "fast" } });
    await send(`/session/${id}`, { effort: null }, "PATCH");
    await send(`/session/${id}`, { prompt: "1" });
    expect((await send(`/session/${id}`, { routing: { tier: "good" } }, "PATCH")).status).to.equal(200);
    await send(`/session/${id}`, { prompt: "2" });
    await send(`/session/${id}`, { routing: null }, "PATCH");
    await send(`/session/${id}`, { prompt: "3" });
    expect(found()).to.deep.equal([{ tier: "fast", tries: 1 }, { tier: "good", tries: 1 }, undefined]);
  });

  it("can be part of a form", async () => {
    const body = `${part("prompt", "hi")}${part("routing", '{"tries":3}')}--x--\r\n`;
    const response = await gateway.fetch("/task", {
      method: "POST",
      key: "user",
      headers: { "content-type": FORM },
      body,
    });
    expect(response.status, await response.text()).to.equal(200);
    expect(found()).to.deep.equal([{ tries: 3 }]);
  });

  it("can be sent over a WebSocket", async () => {
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/task/ws`, {
      headers: { authorization: `Bearer ${gateway.keys["user"]}` },
    });
    const closed = once(socket, "close");
    await once(socket, "open");
    socket.send(JSON.stringify({ prompt: "hi", routing: { tries: 5 } }));
    await closed;
    expect(found()).to.deep.equal([{ tries: 5 }]);
  });

  it("can be set by plugins that start turns", async () => {
    const { answer } = await turns.task("user", {
      prompt: "hi",
      options: { pluginFields: { routing: { tries: 4 } } },
    });
    await answer;
    expect(found()).to.deep.equal([{ tries: 4 }]);
    const refused = turns.task("user", {
      prompt: "hi",
      options: { pluginFields: { routing: { tries: 0 } } },
    });
    expect(await rejectionMessage(refused)).to.match(/^routing\.tries must be/);
  });

  it("are refused where the schema does", async () => {
    const refusals: [unknown, string][] = [
      [{ tier: "best" }, 'routing.tier must be fast or good, got "best"'],
      [{ teir: "fast" }, 'unknown field "routing.teir"; did you mean tier?'],
      ["fast", 'routing must be an object, got "fast"'],
      [null, "routing must be an object, got null"],
      [{ note: "y".repeat(70_000) }, "routing must be at most 65536 bytes of JSON, got 70021"],
    ];
    for (const [fields, message] of refusals) {
      const { status, body } = await send("/task", { prompt: "hi", routing: fields });
      expect(status).to.equal(400);
      expect(body).to.have.property("code", "BAD_REQUEST");
      expect(JSON.stringify(body)).to.contain(JSON.stringify(message).slice(1, -1));
    }
    expect(seen).to.deep.equal([]);
  });

  it("are named where no plugin has them", async () => {
    const refusals: [object, string][] = [
      [{ quiet: {} }, 'unknown field "quiet": the plugin quiet has no fields in requests'],
      [
        { telegram: {} },
        'unknown field "telegram": the plugin telegram is off; start the gateway with --enable-plugin telegram',
      ],
      [{ ruoting: { tries: 1 } }, 'unknown field "ruoting"; did you mean routing?'],
    ];
    for (const [fields, error] of refusals) {
      expect(await send("/task", { prompt: "hi", ...fields })).to.deep.equal({
        status: 400,
        body: { error, code: "BAD_REQUEST" },
      });
    }
    expect((await send("/task", { prompt: "hi", wether: {} })).body).to.have.property("code", "BAD_REQUEST");
    expect((await send("/task", { prompt: "hi", pluginFields: {} })).body).to.have.property(
      "code",
      "BAD_REQUEST",
    );
  });

  it("are in the API document", async () => {
    await gateway.enable("swagger");
    const response = await gateway.fetch("/openapi.json");
    const document = JSON.stringify(await response.json());
    await gateway.disable("swagger");
    expect(document.match(/"routing":\{"description":"For the plugin `routing`\."/g)).to.have.length(4);
    expect(document).to.contain('"How often."');
  });

  it("are refused while the plugin is off, and stay with sessions", async () => {
    const id = await start({ routing: { tier: "fast" } });
    await gateway.disable("routing");
    expect((await send(`/session/${id}`, { prompt: "hi" })).status).to.equal(200);
    const { status, body } = await send(`/session/${id}`, { prompt: "hi", routing: {} });
    expect({ status, body }).to.deep.include({ status: 400 });
    expect(body).to.have.property(
      "error",
      'unknown field "routing": the plugin routing is off; start the gateway with --enable-plugin routing',
    );
    await gateway.enable("routing");
    await send(`/session/${id}`, { prompt: "hi" });
    expect(found()).to.deep.equal([{ tier: "fast", tries: 1 }]);
  });

  it("stay with a turn that parks, over a restart", async () => {
    const asks = definePlugin<object>({
      name: "asks",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply: ({ hooks }) => hooks.approve.tap("all", () => ({ verdict: "ask", liveWaitSecs: 1 })),
    });
    await using other = await createTestGateway({
      plugins: [routing, asks],
      replies: () => [{ tool: "Write" }, "written"],
      controlTime: true,
    });
    const body = { prompt: "hi", routing: { tries: 6 } };
    const answer = other.fetch("/task", { key: "user", body });
    const { id } = await other.approvals.next();
    await other.advance(2000);
    expect(await (await answer).json()).to.have.property("pending_approval");
    await other.restart();
    seen.splice(0);
    await other.approvals.decide(id, "allow");
    while (!seen.some(([hook]) => hook === "afterExecute")) await other.advance(100);
    expect(seen).to.deep.equal([
      ["spawn", { tries: 6 }],
      ["afterExecute", { tries: 6 }],
    ]);
  });

  it("cannot have the name of a field of the gateway, a wrong schema, or two schemas", async () => {
    const using = (name: string, use: (fields: (schema: object) => unknown) => void) =>
      rejectionMessage(
        createTestGateway({
          plugins: [
            definePlugin<object>({
              name,
              apiVersion: 1,
              configSchema: { type: "object" },
              apply: (kernel) => use((schema) => kernel.requestFields({ ...schema })),
            }),
          ],
        }),
      );
    expect(await using("tools", (fields) => fields({}))).to.contain(
      'requests have a field "tools" of the gateway',
    );
    expect(await using("odd", (fields) => fields({ type: "objekt" }))).to.contain(
      "the schema of its requestFields must be a JSON Schema 2020-12",
    );
    expect(await using("odd", (fields) => [fields({}), fields({})])).to.contain(
      "requestFields must be called once",
    );
  });
});
