import { mkdirSync, realpathSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect } from "chai";
import { listeningPort } from "./address.js";
import { Conversation } from "./conversation.js";
import { startMcpServer, type TestMcpServer } from "./mcp-server.js";
import { ALLOW_ALL, type Asked, OptionsGateway, toolNames } from "./options-kit.js";
import { readProcess } from "./processes.js";

/** One option, and what must be seen at the model API when it is set; `before`: what must be seen when it is not. */
interface OptionCase {
  readonly fields: Readonly<Record<string, unknown>>;
  /** What a request must have beside it. */
  readonly beside?: Readonly<Record<string, unknown>>;
  readonly prompt?: string;
  readonly seen: (asked: Asked) => unknown;
  /** Whether a live process can be given it, and whether it can go on without it afterwards. */
  readonly keeps?: readonly [boolean, boolean];
  readonly with: unknown;
  readonly without: unknown;
}

const BASH =
  '[[{"tool": "Bash", "input": {"command": "touch made.txt", "description": "Test"}}]] [[say done]]';
const WRITE = '[[{"tool": "Write", "input": {"file_path": "x.txt", "content": "x"}}]] [[say done]]';
const AGENT_CALL = { subagent_type: "rhyme-checker", description: "Check", prompt: "[[say it rhymes]]" };
const SECRET_HEADER = "Bearer not-for-argv-77";

/** The process of the last prompt: a subagent's end may begin a turn of the CLI's own after it. */
async function pidOf(talk: Conversation): Promise<number | null | undefined> {
  await talk.ended();
  const turns = await talk.ledger.turns(talk.id);
  return turns.findLast(({ origin }) => origin === "prompt")?.pid;
}

describe("options of turns", () => {
  let kit: OptionsGateway;
  let mcp: TestMcpServer;
  let beside: string;
  before(async () => {
    mcp = await startMcpServer();
    kit = await OptionsGateway.start({ config: `[engine]\nspares = 0\n${ALLOW_ALL}` });
    mkdirSync(join(kit.gateway.dir, "beside"), { recursive: true });
    beside = realpathSync(join(kit.gateway.dir, "beside"));
  });
  after(async () => {
    await kit.dispose();
    mcp.close();
  });

  const text = (value: unknown) => JSON.stringify(value);
  const first = ({ sent }: Asked) => sent[0];
  const cases = (): Readonly<Record<string, OptionCase>> => ({
    model: {
      fields: { model: "haiku" },
      keeps: [true, true],
      seen: (asked) => /haiku/.test(first(asked)?.model ?? ""),
      with: true,
      without: false,
    },
    fallback_model: {
      fields: { fallback_model: "haiku" },
      prompt: "[[fail 529]]",
      seen: ({ sent }) => sent.some((request) => /haiku/.test(request.model)),
      with: true,
      without: false,
    },
    system_prompt: {
      fields: { system_prompt: "You answer in rhymes." },
      seen: (asked) => [
        text(first(asked)?.system).includes("You answer in rhymes."),
        text(first(asked)?.system).includes("# Harness"),
      ],
      with: [true, false],
      without: [false, true],
    },
    append_system_prompt: {
      fields: { append_system_prompt: "Also answer in rhymes." },
      seen: (asked) => [
        text(first(asked)?.system).includes("Also answer in rhymes."),
        text(first(asked)?.system).includes("# Harness"),
      ],
      with: [true, true],
      without: [false, true],
    },
    effort: {
      fields: { effort: "low" },
      keeps: [true, false],
      seen: (asked) => first(asked)?.output_config?.["effort"],
      with: "low",
      without: "medium",
    },
    thinking: {
      fields: { thinking: { type: "enabled", budgetTokens: 2048 } },
      beside: { model: "claude-haiku-4-5" },
      seen: (asked) => first(asked)?.thinking?.["budget_tokens"],
      with: 2048,
      without: 31_999,
    },
    tools: {
      fields: { tools: ["Read"] },
      prompt: WRITE,
      seen: ({ sent }) => text(sent.at(-1)?.messages.at(-1)).includes("No such tool available: Write"),
      with: true,
      without: false,
    },
    disallowed_tools: {
      fields: { disallowed_tools: ["Write"] },
      seen: (asked) => ["Write", "Bash"].map((name) => toolNames(first(asked)).includes(name)),
      with: [false, true],
      without: [true, true],
    },
    mcp_servers: {
      keeps: [true, true],
      fields: {
        mcp_servers: {
          sums: { type: "http", url: mcp.url, headers: { authorization: SECRET_HEADER }, alwaysLoad: true },
        },
      },
      prompt: '[[{"tool": "mcp__sums__add", "input": {"a": 2, "b": 40}}]] [[say done]]',
      seen: ({ sent }) => text(sent.at(-1)?.messages.at(-1)).includes("the sum is 42"),
      with: true,
      without: false,
    },
    agents: {
      fields: { agents: { "rhyme-checker": { description: "Checks every rhyme.", prompt: "Check it." } } },
      prompt: `[[${JSON.stringify({ tool: "Agent", input: AGENT_CALL })}]] [[say done]]`,
      seen: ({ sent }) =>
        sent.some(({ messages }) => text(messages.at(-1)).includes("'rhyme-checker' not found")),
      with: false,
      without: true,
    },
    additional_dirs: {
      fields: { additional_dirs: [beside] },
      seen: (asked) => {
        const told = (first(asked)?.messages ?? []).map(text).findLast((message) => message.includes(beside));
        return told !== undefined && !told.includes("removed");
      },
      with: true,
      without: false,
    },
    permission_mode: {
      fields: { permission_mode: "plan" },
      keeps: [true, true],
      prompt: BASH,
      seen: ({ answer }) => answer.body.permission_denials?.map(({ tool_name }) => tool_name) ?? [],
      with: ["Bash"],
      without: [],
    },
    max_turns: {
      fields: { max_turns: 1 },
      prompt: BASH,
      seen: ({ answer }) => [
        answer.body.success,
        /maximum number of turns \(1\)/.test(answer.body.error ?? ""),
      ],
      with: [false, true],
      without: [true, false],
    },
  });

  const NAMES = [
    "model",
    "fallback_model",
    "system_prompt",
    "append_system_prompt",
    "effort",
    "thinking",
    "tools",
    "disallowed_tools",
    "mcp_servers",
    "agents",
    "additional_dirs",
    "permission_mode",
    "max_turns",
  ];

  const caseOf = (name: string): OptionCase => {
    const found = cases()[name];
    if (found === undefined) throw new Error(`no case for ${name}`);
    return found;
  };

  for (const name of NAMES) {
    it(`${name}: of a task reaches the model API`, async () => {
      const { fields, beside: more, prompt = "[[say hi]]", seen, with: set } = caseOf(name);
      const asked = await kit.ask("/task", { prompt, ...more, ...fields });
      expect(asked.answer.status, text(asked.answer.body)).to.equal(200);
      expect(seen(asked)).to.deep.equal(set);
    });

    it(`${name}: of a session's turn holds for that turn alone`, async () => {
      const found = caseOf(name);
      const { fields, beside: more, prompt = "[[say hi]]", seen, with: set, without } = found;
      const { keeps = [false, false] } = found;
      const talk = await Conversation.start(kit.gateway, more);
      expect(seen(await kit.ask(talk.path, { prompt })), "before").to.deep.equal(without);
      const before = await pidOf(talk);
      expect(seen(await kit.ask(talk.path, { prompt, ...fields })), "with it").to.deep.equal(set);
      const during = await pidOf(talk);
      expect(seen(await kit.ask(talk.path, { prompt })), "after").to.deep.equal(without);
      const after = await pidOf(talk);
      expect([during === before, after === during], "the process is kept").to.deep.equal(keeps);
    });

    if (name === "max_turns") continue;
    it(`${name}: of a session's start holds for its turns`, async () => {
      const { fields, beside: more, prompt = "[[say hi]]", seen, with: set } = caseOf(name);
      const { path } = await Conversation.start(kit.gateway, { ...more, ...fields });
      expect(seen(await kit.ask(path, { prompt })), "first").to.deep.equal(set);
      expect(seen(await kit.ask(path, { prompt })), "second").to.deep.equal(set);
    });
  }

  it("mcp_servers: of a session's start can be left out of a turn", async () => {
    const { fields, prompt, seen } = caseOf("mcp_servers");
    const talk = await Conversation.start(kit.gateway, fields);
    expect(seen(await kit.ask(talk.path, { prompt }))).to.equal(true);
    const { pid } = await talk.ended();
    expect(seen(await kit.ask(talk.path, { prompt, mcp_servers: {} }))).to.equal(false);
    expect(seen(await kit.ask(talk.path, { prompt }))).to.equal(true);
    expect((await talk.ended()).pid, "in the same process").to.equal(pid);
  });

  it("a turn whose MCP server never answers ends when its time is over", async () => {
    const silent = createServer(() => undefined);
    silent.listen(0, "127.0.0.1");
    const url = `http://127.0.0.1:${await listeningPort(silent)}/mcp`;
    const talk = await Conversation.start(kit.gateway);
    await talk.say("[[say hi]]");
    const { status } = await kit.gateway.request(talk.path, {
      body: { prompt: "[[say hi]]", timeout_secs: 3, mcp_servers: { silent: { type: "http", url } } },
    });
    expect(status).to.equal(408);
    silent.close();
    silent.closeAllConnections();
    expect((await talk.say("[[recall]]")).body.success).to.equal(true);
  });

  it("allowed_tools: reach the CLI", async () => {
    const talk = await Conversation.start(kit.gateway, { allowed_tools: ["Bash(git log:*)"] });
    await talk.say("[[say hi]]");
    const { pid } = await talk.ended();
    expect(readProcess(Number(pid), "cmdline")).to.include("--allowedTools=Bash(git log:*)");
  });

  it("mcp_servers: are on no command line, and hidden in errors", async () => {
    const talk = await Conversation.start(kit.gateway, caseOf("mcp_servers").fields);
    await talk.say("[[say hi]]");
    const { pid } = await talk.ended();
    expect(mcp.requests.some(({ authorization }) => authorization === SECRET_HEADER)).to.equal(true);
    expect(readProcess(Number(pid), "cmdline"))
      .to.include("claude")
      .and.not.include("not-for-argv");
    const headers = { authorization: `${SECRET_HEADER}\u0000` };
    const { body } = await kit.gateway.request("/task", {
      body: { prompt: "hi", mcp_servers: { sums: { type: "http", url: mcp.url, headers } } },
    });
    expect(body["error"]).to.be.a("string").and.not.include("not-for-argv");
    expect(kit.gateway.stdout + kit.gateway.stderr).to.not.include("not-for-argv");
  });

  it("system_prompt and append_system_prompt: both reach the model", async () => {
    const { sent } = await kit.ask("/task", {
      prompt: "[[say hi]]",
      system_prompt: "Own words.",
      append_system_prompt: "More words.",
    });
    expect(text(sent[0]?.system)).to.include("Own words.\\n\\nMore words.");
  });
});
