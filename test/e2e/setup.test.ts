import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { parse } from "smol-toml";
import { SlackServer } from "../plugins/slack/slack-server.js";
import { runToEnd } from "./gateway.js";
import { eventually } from "./poll.js";
import { KEY, TerminalSession } from "./terminal.js";

/** The plugins in the order of the list. */
const LIST = readdirSync(new URL("../../plugins", import.meta.url))
  .filter((name) => name !== "examples" && name !== "shared")
  .sort();
const SECRET_PATH = "/services/T000/B000/verysecret";

describe("the setup", () => {
  let dir: string;
  let session: TerminalSession | undefined;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-setup-"));
  });

  afterEach(async () => {
    await session?.kill();
    session = undefined;
    rmSync(dir, { recursive: true, force: true });
  });

  const file = () => join(dir, "claudeway.toml");
  const written = () => readFileSync(file(), "utf8");

  /** The CLI keeps to the test's folder. */
  const home = () => ({
    CLAUDE_WORKDIR: join(dir, "work"),
    CLAUDE_CONFIG_DIR: join(dir, "claude"),
    CLAUDE_CODE_TMPDIR: join(dir, "tmp"),
    PORT: "0",
  });

  function start(...args: string[]): TerminalSession {
    session = TerminalSession.start(args, dir, { ...home(), HOME: dir, HOST: "127.0.0.1" });
    return session;
  }

  function install(name: string, code: string, description?: string): void {
    const folder = join(dir, "node_modules", name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ name, version: "1.0.0", description, type: "module", exports: "./index.js" }),
    );
    writeFileSync(join(folder, "index.js"), code);
  }

  /** Chooses plugins in the list, from its first line on. */
  async function choose(one: TerminalSession, ...names: string[]): Promise<void> {
    await one.shows("Which plugins?");
    for (const name of LIST) await one.type(...(names.includes(name) ? [KEY.space, KEY.down] : [KEY.down]));
    await one.type(KEY.enter);
  }

  /** Leaves the questions about Slack's bot out. */
  async function withoutBot(one: TerminalSession): Promise<void> {
    for (const setting of ["bot_token", "app_token", "allowed_users", "channels"]) {
      await one.shows(`${setting} (optional)`);
      await one.type(KEY.enter);
    }
  }

  it("asks, tests, writes the file, and starts with it", async () => {
    const slack = await SlackServer.start();
    try {
      const one = start();
      await choose(one, "demo", "slack");
      await one.shows("webhook_url (optional)");
      await one.type("nonsense", KEY.enter);
      await one.shows("webhook_url must be");
      await one.type("\x15", slack.url(SECRET_PATH), KEY.enter);
      await withoutBot(one);
      await one.shows("posted a message to the channel");
      expect(slack.posted.map(({ payload }) => payload.text)).to.deep.equal([
        "Claudeway is set up to post here.",
      ]);
      await one.shows("Create an API key");
      await one.type(KEY.enter);
      await one.shows("claudeway.toml is written");
      await one.shows("listening on");
      await one.shows("Plugins: demo, slack");
      await one.type(KEY.interrupt);
      expect(await one.ended()).to.equal(0);
      expect(one.text, "a secret is not shown").not.to.contain("verysecret");
      const { keys, plugins } = parse(written());
      expect(plugins).to.deep.equal({
        demo: { enabled: true },
        slack: { enabled: true, webhook_url: slack.url(SECRET_PATH) },
      });
      expect(String(keys)).to.match(/^admin:sk-[0-9a-f]{64}$/);
      expect(one.text).to.contain(String(keys).slice("admin:".length));
      expect(statSync(file()).mode & 0o777).to.equal(0o600);
      expect(written()).to.contain("#port = 3000").and.contain("#interval_ms = 1000");
    } finally {
      await slack.close();
    }
  });

  it("asks what the schemas of installed packages require, and names those that it cannot run", async () => {
    install("claudeway-plugin-broken", `throw new Error("made for another gateway");`);
    install(
      "claudeway-plugin-greets",
      `export default { name: "greeter", apiVersion: 1, apply() {}, configSchema: {
         type: "object", additionalProperties: false, required: ["word", "pace"],
         properties: { pace: { type: "integer", default: 3, description: "How fast." }, word: { type: "string", minLength: 3, description: "What it says." }, loud: { type: "boolean" } } } };`,
      "Greets\u001b[2J\u202e whoever\ncomes.",
    );
    const one = start("init");
    await one.shows("Which plugins?");
    for (const _ of LIST) await one.type(KEY.down);
    await one.shows("claudeway-plugin-broken (an installed package)");
    await one.type(KEY.space, KEY.down);
    await one.shows("claudeway-plugin-greets (Greets [2J whoever comes.)");
    await one.type(KEY.space, KEY.enter);
    await one.shows("made for another gateway");
    await one.shows("word: What it says.");
    await one.type("x", KEY.enter);
    await one.shows("word must");
    await one.type("\x15", "hello", KEY.enter);
    await one.shows("Create an API key");
    await one.type("n");
    await one.shows("is written");
    expect(await one.ended()).to.equal(0);
    expect(parse(written())["plugins"]).to.deep.equal({
      greeter: { enabled: true, package: "claudeway-plugin-greets", word: "hello" },
    });
    expect(written()).to.contain('# What it says.\nword = "hello"\n').and.contain("#loud =");
    expect(written(), "what has a default is not asked").to.contain("#pace = 3");
    const { stdout } = await runToEnd(["check"], dir, home());
    expect(stdout).to.match(/^ok +plugins +greeter/m);
  });

  it("writes comments of which every line can be uncommented", async () => {
    const one = start("init");
    await choose(one, "demo", "swagger", "approval", "dashboard");
    await one.shows("Create an API key");
    await one.type("n");
    await one.shows("is written");
    expect(await one.ended()).to.equal(0);
    const text = written().replaceAll(/^#(?=[a-z_]+ = \S)|^#(?=\[)/gm, "");
    writeFileSync(
      file(),
      text
        .replace('claude_bin = "claude"', "")
        // No database runs here.
        .replace(/^ledger_url = .*$/m, "")
        .replace(/^\[cluster\]\n(?:[^[\n].*\n)*/m, "")
        .replace("CLAUDEWAY_ADMIN_SECRET", "HOME"),
    );
    const { stdout } = await runToEnd(["check"], dir, home());
    expect(stdout)
      .to.match(/^ok +configuration/m)
      .and.match(/^ok +plugins +approval, dashboard, demo, swagger/m);
  });

  it("reports a failed test, and lets the user leave the plugin disabled", async () => {
    // Nothing listens there, and fetch does not refuse it. A port that was free may be another test's by now.
    const url = `http://127.0.0.1:2${SECRET_PATH}`;
    const one = start("init");
    await choose(one, "slack");
    await one.shows("webhook_url (optional)");
    await one.type("http://foo", KEY.enter);
    await one.shows("webhook_url must be the URL of an incoming webhook");
    await one.type("\x15", url, KEY.enter);
    await withoutBot(one);
    await one.shows(`${url.slice("http://".length).replace(/[^/]+$/, "***")}: unreachable (ECONNREFUSED)`);
    await one.shows("What do you want to do?");
    await one.type(KEY.down, KEY.down, KEY.enter);
    await one.shows("Create an API key");
    await one.type(KEY.enter);
    await one.shows("is written");
    expect(parse(written())["plugins"]).to.equal(undefined);
  });

  it("writes nothing on Ctrl-C at any question or test", async () => {
    const slack = await SlackServer.start();
    slack.always = "hang";
    try {
      for (const depth of [0, 1, 2, 3]) {
        const one = start("init");
        if (depth === 0) await one.shows("Which plugins?");
        else await choose(one, ...(depth === 3 ? [] : ["slack"]));
        if (depth === 1) await one.shows("webhook_url");
        if (depth === 2) {
          await one.shows("webhook_url");
          await one.type(slack.url(SECRET_PATH), KEY.enter);
          await withoutBot(one);
          await eventually("the test message", () => slack.open > 0);
        }
        if (depth === 3) await one.shows("Create an API key");
        await one.type(KEY.interrupt);
        expect(await one.ended(), one.text).to.equal(130);
        expect(one.text).to.contain("setup cancelled; nothing was written");
        expect(readdirSync(dir), `left at ${depth}`).to.deep.equal([]);
      }
    } finally {
      await slack.close();
    }
  });

  it("reports a path that is not writable before it asks", async () => {
    const one = start("init", "--config", "nowhere/x.toml");
    await one.shows("nowhere/x.toml: directory not found");
    expect(await one.ended()).to.equal(1);
    expect(one.text).not.to.contain("Which plugins?");
  });

  it("shows the key unbroken on a narrow terminal", async () => {
    session = TerminalSession.start(["init"], dir, { ...home(), HOME: dir }, 40);
    await choose(session);
    await session.shows("Create an API key");
    await session.type(KEY.enter);
    expect(await session.ended()).to.equal(0);
    const [, secret = ""] = /^keys = .*?(sk-[0-9a-f]{64})/m.exec(written()) ?? [];
    expect(secret).not.to.equal("");
    expect(session.text).to.contain(secret);
  });

  it("asks before it replaces a file, and keeps the old one", async () => {
    writeFileSync(file(), "port = 1234\n");
    const refused = start("init");
    await refused.shows("already exists");
    await refused.type(KEY.enter);
    expect(await refused.ended()).to.equal(130);
    expect(written()).to.equal("port = 1234\n");
    const one = start("init");
    await one.shows("already exists");
    await one.type("y");
    await choose(one);
    await one.shows("Create an API key");
    await one.type(KEY.enter);
    await one.shows("is written");
    await one.ended();
    expect(readFileSync(`${file()}.old`, "utf8")).to.equal("port = 1234\n");
    expect(written()).to.contain("keys = ");
  });

  it("asks nothing with --force, with --enable-plugin, with a file, or without a terminal", async () => {
    for (const args of [["--force"], ["--enable-plugin", "demo"]]) {
      const one = start(...args);
      await one.shows("listening on");
      await one.type(KEY.interrupt);
      await one.ended();
      expect(one.text).not.to.contain("Which plugins?");
      expect(existsSync(file())).to.equal(false);
    }
    expect(await runToEnd(["init"], dir)).to.deep.equal({
      code: 1,
      stdout: "",
      stderr:
        "claudeway: init: asks questions, so it must run on a terminal; without one, copy config/claudeway.example.toml\n",
    });
  });
});
