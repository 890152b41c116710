// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what the file takes
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SessionMessages, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { bash, Conversation } from "./conversation.js";
import { sumOfDelivered } from "./dealt.js";
import { KEYS, type StartOptions, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { onOneGateway } from "./two-nodes.js";
import { startWiretap, type Wiretap } from "./wiretap.js";

const ACCOUNTS = { admin: "sk-ant-admin-account-0123456789", bob: "oat-bob-account-0123456789" };
const CONFIG = `
[engine]
config_dirs = "per_key"
[keys.admin.env]
ANTHROPIC_API_KEY = "\${ADMIN_ACCOUNT}"
[keys.bob.env]
CLAUDE_CODE_OAUTH_TOKEN = "\${BOB_ACCOUNT}"
ONLY_BOB = "yes"
`;

/** The CLI gathers what it writes down for this long, at most, in ms. */
const WRITES_MS = 400;

describe("keys with an account and a configuration folder each", () => {
  let gateway: TestGateway;
  let wiretap: Wiretap;
  let options: StartOptions;
  before(async () => {
    gateway = await TestGateway.start({ env: { IS_SANDBOX: "1" } });
    wiretap = await startWiretap(gateway.model.url);
    await gateway.stop();
    const env = {
      IS_SANDBOX: "1",
      ANTHROPIC_BASE_URL: wiretap.url,
      ADMIN_ACCOUNT: ACCOUNTS.admin,
      BOB_ACCOUNT: ACCOUNTS.bob,
    };
    options = { config: CONFIG, env };
    await gateway.launch(options);
  });
  after(async () => {
    wiretap.close();
    await gateway.dispose();
  });

  it("sends each request of a key with the key's own credentials", async () => {
    const before = wiretap.headers.length;
    const turns = [KEYS.admin, KEYS.bob].map((key) =>
      gateway.request<TurnResponse>("/task", { key, body: { prompt: "[[say hello]]" } }),
    );
    for (const { body } of await Promise.all(turns)) expect(body.result).to.equal("hello");
    const sent = wiretap.headers
      .slice(before)
      .map((headers) => headers["x-api-key"] ?? headers.authorization);
    expect(new Set(sent)).to.deep.equal(new Set([ACCOUNTS.admin, `Bearer ${ACCOUNTS.bob}`]));
  });

  it("gives a key's variables to its own turns only", async () => {
    const prompt = "[[bash echo only=$ONLY_BOB key=$ANTHROPIC_API_KEY token=$CLAUDE_CODE_OAUTH_TOKEN]]";
    const ran = async (key: string) =>
      (await gateway.request<TurnResponse>("/task", { key, body: { prompt } })).body.result;
    expect(await ran(KEYS.bob))
      .to.include("only=yes key= ")
      .and.not.include(ACCOUNTS.admin);
    expect(await ran(KEYS.admin))
      .to.include("only= ")
      .and.not.include(ACCOUNTS.bob);
  });

  it("finds a conversation again in the key's own folder, after a restart too", async () => {
    const talk = await Conversation.start(gateway, {}, KEYS.bob);
    await talk.say("[[say the first]]", { key: KEYS.bob });
    await gateway.stop();
    await gateway.launch();
    expect((await talk.say("[[recall]]", { key: KEYS.bob })).body.success).to.equal(true);
    const { body } = await gateway.request<SessionMessages>(`${talk.path}/messages`, { key: KEYS.bob });
    expect([body.transcript, body.total]).to.deep.equal(["found", 2]);
    const folders = gateway.dataDirs.flatMap((dir) => readdirSync(join(dir, "claude")));
    expect([...new Set(folders)].sort()).to.deep.equal(["admin", "bob"]);
    expect(existsSync(join(gateway.dir, "claude", "projects"))).to.equal(false);
    const fork = await gateway.request(`${talk.path}/fork`, { key: KEYS.bob, body: {} });
    expect(fork.status).to.equal(200);
  });

  it("refuses a configuration folder that is not absolute", async () => {
    await gateway.stop();
    const config = '[keys.bob.env]\nCLAUDE_CONFIG_DIR = "claude"\n';
    const failure = await gateway.launch({ config }).catch(String);
    expect(failure).to.match(
      /claudeway.toml: keys.bob.env.CLAUDE_CONFIG_DIR must be an absolute path, got "claude"/,
    );
    await gateway.launch(options);
  });

  onOneGateway(
    "in a cluster, a lost turn costs what was stored of it, and a suspended gateway stores nothing",
    () => {
      it("charges a lost turn with what the CLI wrote in the key's folder", async () => {
        const talk = await Conversation.start(gateway, {}, KEYS.bob);
        const key = { key: KEYS.bob };
        await talk.say("[[words 2]]", key);
        const before = talk.dealt().length;
        const call = (name: string) => bash(`touch ${name}; node -e 'setTimeout(()=>{},1500)'`);
        const prompt = `[[words 3]] ${call("call-1")} [[words 4]] ${call("call-2")} [[words 5]]`;
        const turn = talk.say(prompt, key).catch(() => undefined);
        await eventually("the turn", () => talk.dealt().length > before);
        // It hears nothing more; the CLI goes on and writes.
        gateway.signal("SIGSTOP");
        await eventually("the second call", () => existsSync(join(talk.workdir, "call-2")));
        await sleep(WRITES_MS);
        await gateway.stop("SIGKILL");
        await turn;
        await gateway.launch();
        const lost = await talk.ended();
        expect(lost).to.deep.include({ end: "lost", tokens: sumOfDelivered(talk.dealt().slice(before)) });
      });
    },
    () => gateway,
  );
});
