import { mkdirSync, rmdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import type WebSocket from "ws";
import { Conversation } from "./conversation.js";
import { type Answer, KEYS, TestGateway } from "./gateway.js";
import { onOneGateway } from "./two-nodes.js";

const CONFIG = "no_permissions_bypass = true\n";
const SECRET = "the-other-session's-secret";

/** The directive for one tool call. */
function call(tool: string, input: object): string {
  return `[[${JSON.stringify({ tool, input })}]]`;
}

describe("a workdir that a caller names", () => {
  let gateway: TestGateway;
  let other: Conversation;
  before(async () => {
    gateway = await TestGateway.start({ config: CONFIG });
    other = await Conversation.start(gateway);
    mkdirSync(join(other.workdir, "sub"));
    writeFileSync(join(other.workdir, "secret.txt"), SECRET);
    mkdirSync(join(gateway.dir, "claude", "projects"), { recursive: true });
    mkdirSync(join(gateway.workdir, "named"));
    symlinkSync(gateway.dataDir, join(gateway.workdir, "to-data"));
    symlinkSync(other.workdir, join(gateway.dir, "to-other"));
    symlinkSync("/", join(gateway.dir, "to-root"));
    symlinkSync(join(gateway.dataDir, "not-there"), join(gateway.workdir, "dangling"));
  });
  after(() => gateway.dispose());

  const at = (...names: readonly string[]) => join(gateway.dir, ...names);
  const DATA = "be, contain, or be inside the gateway's data folder";
  const OTHERS = "be inside a folder created for another session";
  const refused: readonly (readonly [string, () => string, string])[] = [
    ["the data folder", () => gateway.dataDir, DATA],
    ["the data folder by `..`", () => `${gateway.workdir}/../data`, DATA],
    ["the data folder through a link", () => join(gateway.workdir, "to-data"), DATA],
    ["the log folder", () => gateway.logDir, "be, contain, or be inside the gateway's log folder"],
    ["Claude's configuration folder", () => at("claude"), "be, contain, or be inside Claude's configuration"],
    ["a folder in it", () => at("claude", "projects"), "be, contain, or be inside Claude's configuration"],
    ["the folder around them all", () => gateway.dir, DATA],
    ["the root folder", () => "/", DATA],
    ["the root folder through a link", () => at("to-root"), DATA],
    ["the processes of the machine", () => "/proc/self", "be, contain, or be inside the process table"],
    ["another session's folder", () => other.workdir, OTHERS],
    ["a folder in another session's", () => join(other.workdir, "sub"), OTHERS],
    ["another session's through a link", () => at("to-other", "sub"), OTHERS],
    ["a new folder in another session's", () => join(other.workdir, "new"), OTHERS],
    ["another session's, below the base folder", () => `${other.id}/new`, OTHERS],
    ["a link that leads nowhere", () => "dangling", "must be an existing directory"],
    ["a new folder elsewhere", () => at("elsewhere"), "must be an existing directory"],
  ];

  const expectRefused = ({ status, body }: Answer, why: string) => {
    expect([status, body["code"]]).to.deep.equal([400, "BAD_REQUEST"]);
    expect(body["error"])
      .to.match(/^workdir must /)
      .and.to.contain(why);
  };

  const refuses = ([what, workdirOf, why]: (typeof refused)[number]) =>
    it(`is refused if it is ${what}, on every route`, async () => {
      const workdir = workdirOf();
      expectRefused(await gateway.request("/session/start", { body: { workdir } }), why);
      for (const path of ["/task", "/task/stream"]) {
        expectRefused(await gateway.request(path, { body: { prompt: "Hi", workdir } }), why);
      }
      const frame = await firstFrame(gateway.socket(), { prompt: "Hi", workdir });
      expect(frame).to.include({ event: "error" });
      expect(frame["data"]).to.contain(why);
    });
  const isDataFolder = ([what]: (typeof refused)[number]) => what.startsWith("the data folder");
  refused.filter((one) => !isDataFolder(one)).forEach(refuses);
  onOneGateway(
    "each node protects its own data folder",
    () => refused.filter(isDataFolder).forEach(refuses),
    () => gateway,
  );

  it("is shared by sessions whose callers named it", async () => {
    const workdir = join(gateway.workdir, "named");
    const [one, two] = [
      await Conversation.start(gateway, { workdir }),
      await Conversation.start(gateway, { workdir: "named" }, KEYS.bob),
    ];
    expect([one.workdir, two.workdir]).to.deep.equal([workdir, workdir]);
  });

  it("is made below the base folder where it is missing, for this user alone, and kept", async () => {
    const talk = await Conversation.start(gateway, { workdir: "jobs/7" });
    expect(talk.workdir).to.equal(join(gateway.workdir, "jobs/7"));
    expect(statSync(talk.workdir).mode & 0o777).to.equal(0o700);
    await gateway.request(talk.path, { method: "DELETE" });
    expect(statSync(talk.workdir).isDirectory()).to.equal(true);
  });

  it("is checked again before each prompt: it may be a link by then", async () => {
    const workdir = join(gateway.workdir, "swapped");
    const talk = await Conversation.start(gateway, { workdir });
    rmdirSync(workdir);
    symlinkSync(gateway.dataDir, workdir);
    const { status, body } = await talk.say("Hi");
    expect([status, body.error]).to.deep.equal([
      400,
      `workdir must not ${DATA}, got ${JSON.stringify(workdir)}`,
    ]);
  });

  describe("that holds other sessions' folders, with the bypass off", () => {
    const reads: readonly (readonly [string, () => string])[] = [
      ["a file", () => call("Read", { file_path: join(other.workdir, "secret.txt") })],
      ["a file through a link", () => call("Read", { file_path: at("to-other", "secret.txt") })],
      ["a command", () => call("Bash", { command: `cat ${other.id}/secret.txt`, description: "x" })],
      ["a command with a wildcard", () => call("Bash", { command: "cat */secret.txt", description: "x" })],
      ["a search by command", () => call("Bash", { command: "grep -r secret .", description: "x" })],
    ];
    for (const [what, prompt] of reads) {
      it(`protects ${what} from reads without asking`, async () => {
        const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt: prompt() } });
        expect(body.result).to.not.contain(SECRET);
        expect(body.permission_denials).to.have.length(1);
      });
    }

    it("allows reads of other files", async () => {
      writeFileSync(join(gateway.workdir, "own.txt"), "of the base folder");
      const { body } = await gateway.request<TurnResponse>("/task", {
        body: { prompt: call("Read", { file_path: join(gateway.workdir, "own.txt") }) },
      });
      expect(body.permission_denials).to.equal(undefined);
      expect(body.result).to.contain("of the base folder");
    });

    it("lets a session read its own folder", async () => {
      const { body } = await other.say(call("Bash", { command: "cat secret.txt", description: "x" }));
      expect(body.permission_denials).to.equal(undefined);
      expect(body.result).to.contain(SECRET);
    });

    it("lets a read be approved", async () => {
      const prompt = call("Read", { file_path: join(other.workdir, "secret.txt") });
      const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt } });
      const ids = body.permission_denials?.map(({ tool_use_id }) => tool_use_id);
      const approved = await gateway.request<TurnResponse>(`/session/${body.session_id}/approve`, {
        body: { tool_use_ids: ids },
      });
      expect(approved.body.result).to.contain(SECRET);
    });
  });
});

describe("a workdir of a key whose folders are limited", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
    const config = `[keys.bob]\nworkdirs = ["${join(gateway.dir, "srv")}/**"]\n`;
    mkdirSync(join(gateway.dir, "srv", "a"), { recursive: true });
    mkdirSync(join(gateway.dir, "elsewhere"));
    await gateway.stop();
    await gateway.launch({ config });
  });
  after(() => gateway.dispose());

  const start = async (workdir: string | undefined, key: string) => {
    const { status } = await gateway.request("/session/start", { body: { workdir }, key });
    return status;
  };

  it("matches the configuration, or is chosen by the gateway", async () => {
    const [srv, elsewhere] = [join(gateway.dir, "srv", "a"), join(gateway.dir, "elsewhere")];
    expect(await start(srv, KEYS.bob)).to.equal(200);
    expect(await start(undefined, KEYS.bob)).to.equal(200);
    expect(await start(elsewhere, KEYS.bob)).to.equal(400);
    expect(await start(elsewhere, KEYS.admin)).to.equal(200);
    const { status, body } = await gateway.request("/task", {
      body: { prompt: "Hi", workdir: "jobs" },
      key: KEYS.bob,
    });
    expect([status, body["error"]]).to.deep.equal([
      400,
      `workdir must match [keys.bob] workdirs (${gateway.dir}/srv/**), got "jobs"`,
    ]);
  });
});

async function firstFrame(socket: WebSocket, request: object): Promise<Record<string, unknown>> {
  const frame = await new Promise<string>((resolve, reject) => {
    socket.once("open", () => socket.send(JSON.stringify(request)));
    socket.once("message", (data) => resolve(String(data)));
    socket.once("error", reject);
  });
  socket.terminate();
  return JSON.parse(frame);
}
