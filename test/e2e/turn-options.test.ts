import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
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
  readonly with: unknown;
  readonly without: unknown;
}

const BASH =
  '[[{"tool": "Bash", "input": {"command": "touch made.txt", "description": "Test"}}]] [[say done]]';
const WRITE = '[[{"tool": "Write", "input": {"file_path": "x.txt", "content": "x"}}]] [[say done]]';
const AGENT_CALL = { subagent_type: "rhyme-checker", description: "Check", prompt: "[[say it rhymes]]" };
const SECRET_HEADER = "Bearer not-for-argv-77";

describe("options of turns", function () {
  this.timeout(300_000);
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
      const { fields, beside: more, prompt = "[[say hi]]", seen, with: set, without } = caseOf(name);
      const { path } = await Conversation.start(kit.gateway, more);
      expect(seen(await kit.ask(path, { prompt })), "before").to.deep.equal(without);
      expect(seen(await kit.ask(path, { prompt, ...fields })), "with it").to.deep.equal(set);
      expect(seen(await kit.ask(path, { prompt })), "after").to.deep.equal(without);
    });

    if (name === "max_turns") continue;
    it(`${name}: of a session's start holds for its turns`, async () => {
      const { fields, beside: more, prompt = "[[say hi]]", seen, with: set } = caseOf(name);
      const { path } = await Conversation.start(kit.gateway, { ...more, ...fields });
      expect(seen(await kit.ask(path, { prompt })), "first").to.deep.equal(set);
      expect(seen(await kit.ask(path, { prompt })), "second").to.deep.equal(set);
    });
  }

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
