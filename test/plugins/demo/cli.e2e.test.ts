import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Options, SDKMessage, SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import { expect } from "chai";
import { type ScriptedModel, startScriptedModel, type Tokens } from "#plugins/demo/model/index.js";
import { BYPASS, cliEnvironment, converse, TestFolders, textOf, type Watcher } from "./real-cli.js";

describe("demo: the real CLI on the scripted model", () => {
  const folders = new TestFolders();
  const unknown: string[] = [];
  let model: ScriptedModel;
  let configDir: string;
  let cwd: string;

  beforeEach(async () => {
    model = await startScriptedModel({ onUnknown: (method, path) => unknown.push(`${method} ${path}`) });
    configDir = await folders.make("config");
    cwd = await folders.make("work");
  });

  afterEach(async () => {
    await model.close();
    await folders.removeAll();
    expect(unknown.splice(0), "requests without an answer").to.deep.equal([]);
  });

  async function talk(prompts: readonly string[], options: Options = {}, watch?: Watcher) {
    const { env, ...rest } = options;
    return converse(prompts, { cwd, env: cliEnvironment(model, configDir, env), ...rest }, watch);
  }

  async function answers(prompts: readonly string[], options?: Options): Promise<string[]> {
    const { results } = await talk(prompts, options);
    return results.map(textOf);
  }

  function promptsOfTurns(): string[] {
    return model
      .requests()
      .filter(({ kind }) => kind === "turn")
      .map(({ prompt }) => prompt);
  }

  it("introduces itself to a plain prompt, and bills the reported tokens", async () => {
    const { results } = await talk(["hello there"]);
    expect(textOf(results[0])).to.match(/^This is the demo model: .* You wrote: "hello there"\./);
    expectBilled(results[0], model);
    expect(results[0]?.total_cost_usd).to.be.above(0);
  });

  it("bills each turn exactly: words, recall, a tool call", async () => {
    const { results } = await talk(["[[words 7]]", "[[recall]]", "[[bash echo hi]]"]);
    expect(results.map(textOf)).to.deep.equal([
      "word1 word2 word3 word4 word5 word6 word7",
      'I remember 1 earlier prompt: ["[[words 7]]"]',
      "Bash answered: hi",
    ]);
    expectBilled(results.at(-1), model);
    expect(results[0]?.usage).to.include({
      input_tokens: 6,
      output_tokens: 7,
      cache_creation_input_tokens: 100,
    });
  });

  it("streams word by word when slow", async () => {
    const times: number[] = [];
    await talk(["[[slow 60]] [[words 10]]"], {}, (message) => {
      if (message.type === "stream_event" && message.event.type === "content_block_delta")
        times.push(performance.now());
    });
    expect(times).to.have.length(10);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).to.be.above(400);
  });

  it("receives every prompt unchanged", async () => {
    const prompts = [
      `${"400 kB of prompt ".repeat(24_000)}\n[[echo]]`,
      "--version [[echo]]",
      "-p [[echo]]",
      "[[echo]] 👩‍👩‍👧‍👦 🏳️‍🌈 \u202bשלום עולם\u202c \u200f«مرحبا» e\u0301 \u0000?",
      '[[echo]] "quotes" \\ $HOME `ls` <b>&amp;</b>\r\n\ttabs ',
    ];
    const echoed = await answers(prompts);
    for (const [i, prompt] of prompts.entries()) {
      expect(promptsOfTurns()[i] === prompt, `to the model: ${prompt.slice(-40)}`).to.equal(true);
      expect(echoed[i] === prompt, `and back: ${prompt.slice(-40)}`).to.equal(true);
    }
  });

  it("receives slash commands and @file as text when sent verbatim, and echoes them", async () => {
    const prompts = ["/clear", "@/etc/hostname", "/help me", "--version"];
    const echoed = await answers(prompts, { systemPrompt: "[[echo]]", verbatimPrompts: true });
    expect(echoed).to.deep.equal(prompts);
    expect(promptsOfTurns()).to.deep.equal(prompts);
  });

  it("recognises the prompt behind an @file's content", async () => {
    await writeFile(join(cwd, "note.txt"), "[[words 50]]\n");
    expect(await answers(["@note.txt [[say read]]"])).to.deep.equal(["read"]);
    expect(promptsOfTurns()).to.deep.equal(["@note.txt [[say read]]"]);
  });

  it("writes, reads and runs, with any text in paths and contents", async () => {
    const command = "printf '%s' \"]] [[ \u2713\" > made.txt && cat made.txt";
    const [wrote, ran, read] = await answers(
      [
        `[[write a.txt first\nsecond]] [[write "b c.txt" "\\"quoted\\"\\n"]] [[say wrote]]`,
        `[[${JSON.stringify({ tool: "Bash", input: { command } })}]]`,
        `[[read ${join(cwd, "a.txt")}]]`,
      ],
      BYPASS,
    );
    expect(wrote).to.equal("wrote");
    expect(await readFile(join(cwd, "a.txt"), "utf8")).to.equal("first\nsecond");
    expect(await readFile(join(cwd, "b c.txt"), "utf8")).to.equal('"quoted"\n');
    expect(ran).to.equal("Bash answered: ]] [[ ✓");
    expect(read).to.match(/^Read answered: 1\tfirst\n2\tsecond/);
  });

  it("makes two calls in one message, and many in sequence", async () => {
    const { messages, results } = await talk(
      [
        "[[both [[bash echo one]] [[write two.txt 2]]]]",
        '[[tools [{"tool":"Bash","input":{"command":"echo 3"}}]]]',
        "[[tools 3]]",
      ],
      BYPASS,
    );
    expect(results.map(textOf)).to.deep.equal([
      `Bash answered: one\nWrite answered: File created successfully at: two.txt (file state is current in your context — no need to Read it back)`,
      "Bash answered: 3",
      "Bash answered: tool 1 of 3\nBash answered: tool 2 of 3\nBash answered: tool 3 of 3",
    ]);
    const calls = messages.flatMap(callsOf);
    expect(new Set(calls.slice(0, 2).map(({ message }) => message)).size, "messages of the two").to.equal(1);
    expect(new Set(calls.map(({ message }) => message)).size).to.equal(5);
    expect(new Set(calls.map(({ id }) => id)).size).to.equal(6);
  });

  it("repeats a refused call once it is approved", async () => {
    const { results } = await talk(
      ["[[write a.txt A]]", "Approved. Please go on."],
      {},
      async (message, running) => {
        if (message.type === "result") await running.setPermissionMode("acceptEdits");
      },
    );
    expect(textOf(results[0])).to.match(/^Write failed: Claude requested permissions to write/);
    expect(results[0]?.permission_denials.map(({ tool_name }) => tool_name)).to.deep.equal(["Write"]);
    expect(results[1]?.permission_denials).to.deep.equal([]);
    expect(await readFile(join(cwd, "a.txt"), "utf8")).to.equal("A");
  });

  it("continues its script in a new process after a held call", async () => {
    const sessionId = crypto.randomUUID();
    const held = await talk(["[[bash echo before]] [[write a.txt A]] [[say after]]"], {
      sessionId,
      hooks: { PreToolUse: [{ matcher: "Write", hooks: [defer] }] },
    });
    expect(held.results[0]).to.have.property("terminal_reason", "tool_deferred");
    // Not a hook: the CLI continues a held call at once, before hooks that are registered a moment later.
    const resumed = await talk([], {
      resume: sessionId,
      canUseTool: async (_tool, updatedInput) => ({ behavior: "allow", updatedInput }),
    });
    expect(resumed.results.map(textOf)).to.deep.equal(["after"]);
    expect(await readFile(join(cwd, "a.txt"), "utf8")).to.equal("A");
    expect(await answers(["[[recall]]"], { resume: sessionId })).to.deep.equal([
      'I remember 1 earlier prompt: ["[[bash echo before]] [[write a.txt A]] [[say after]]"]',
    ]);
  });

  describe("failures", () => {
    it("come at once, and the next turn works", async () => {
      const { results, messages } = await talk([
        "[[fail 400 no such thing]]",
        "[[fail 529]]",
        "[[fail 500 broke]]",
        "[[words 2]]",
      ]);
      expect(results.map(({ is_error }) => is_error)).to.deep.equal([true, true, true, false]);
      expect(textOf(results[0])).to.equal("API Error: 400 no such thing");
      expect(textOf(results[1])).to.match(/^API Error: 529 The script answers with 529\./);
      expect(textOf(results[2])).to.match(/^API Error: 500 broke/);
      expect(textOf(results[3])).to.equal("word1 word2");
      expect(retriesIn(messages)).to.equal(0);
      expectBilled(results.at(-1), model);
    });

    it("are overcome by retries if counted", async () => {
      const { results, messages } = await talk(["[[fail 1x 529 busy]] [[say better]]"]);
      expect(results.map(textOf)).to.deep.equal(["better"]);
      expect(retriesIn(messages)).to.equal(1);
    });

    it("interrupt an answer in mid stream, once or permanently", async () => {
      const { results } = await talk([
        "[[words 2]] [[cut 1x]] [[say again]]",
        "[[words 2]] [[cut]]",
        "[[words 2]] [[fail 500 broke]]",
        "[[say fine]]",
      ]);
      expect(results.map(({ is_error }) => is_error)).to.deep.equal([false, true, true, false]);
      expect(textOf(results[0])).to.equal("again");
      expect(textOf(results[1])).to.match(/Connection lost mid-response/);
      const ends = model.requests().map(({ end }) => end);
      expect(ends.slice(0, 2)).to.deep.equal(["cut", "finished"]);
      expect(new Set(promptsOfTurns()).size, "the CLI's own notes are no prompts").to.equal(4);
    });

    it("of a model that does not exist", async () => {
      const { results } = await talk(["[[words 2]]"], { model: "no-such-model" });
      expect(results[0]?.is_error).to.equal(true);
      expect(textOf(results[0])).to.contain("no-such-model");
    });
  });

  it("hangs until interrupted, and knows what was delivered", async () => {
    const { results } = await talk(["[[words 3]] [[hang]]", "[[words 2]]"], {}, async (message, running) => {
      if (message.type === "stream_event" && message.event.type === "content_block_stop") {
        if (model.requests().length === 1) await running.interrupt();
      }
    });
    expect(results[0]?.subtype).to.equal("error_during_execution");
    expect(textOf(results[1])).to.equal("word1 word2");
    const [hung] = model.dealt();
    expect(hung?.end).to.equal("gone");
    expect(hung?.delivered).to.deep.equal({ ...hung?.dealt, output_tokens: 1 });
    expect(tokensOf(results[0])).to.include({ input_tokens: hung?.dealt.input_tokens });
  });

  it("thinks", async () => {
    const { messages, results } = await talk(["[[think deep thought]] [[say 42]]"]);
    const thoughts = messages.flatMap((message) =>
      message.type === "assistant" ? message.message.content.filter(({ type }) => type === "thinking") : [],
    );
    expect(thoughts).to.have.length(1);
    expect(thoughts[0]).to.include({ thinking: "deep thought" });
    expect(textOf(results[0])).to.equal("42");
  });

  it("asks a question, and receives the answer", async () => {
    const asked: unknown[] = [];
    const [answer] = await answers(["[[ask Which way?|left|right]]"], {
      canUseTool: async (tool, input) => {
        asked.push(tool);
        return { behavior: "allow", updatedInput: { ...input, answers: { "Which way?": "right" } } };
      },
    });
    expect(asked).to.deep.equal(["AskUserQuestion"]);
    expect(answer).to.match(/^AskUserQuestion answered: .*"Which way\?"="right"/);
  });

  it("starts a subagent, whose tokens are billed too", async () => {
    const { results } = await talk([
      "[[subagent [[words 4]] [[bash echo in]] [[say from within]]]] [[words 2]]",
      "[[words 1]]",
    ]);
    expect(textOf(results[0])).to.equal("word1 word2");
    expect(model.dealt().map(({ kind }) => kind)).to.deep.equal([
      "turn",
      "subagent",
      "subagent",
      "turn",
      "turn",
    ]);
    expectBilled(results.at(-1), model);
  });

  it("titles and summarises a session, and bills both", async () => {
    const { results } = await talk(["[[wait 300]] [[say first]]", "/compact", "[[say last]]"], {
      env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: undefined },
    });
    expect(textOf(results.at(-1))).to.equal("last");
    const kinds = model.dealt().map(({ kind }) => kind);
    expect(kinds).to.include.members(["title", "turn", "summary"]);
    expectBilled(results.at(-1), model);
  });

  it("handles a background task's notice without restarting its script", async () => {
    const call = {
      description: "d",
      prompt: "[[words 4]]",
      subagent_type: "general-purpose",
      run_in_background: true,
    };
    const { results } = await converse(
      [`[[${JSON.stringify({ tool: "Agent", input: call })}]] [[say started]]`],
      { cwd, env: cliEnvironment(model, configDir) },
      () => undefined,
      2,
    );
    expect(results.map(textOf)).to.deep.equal(["started", "Noted."]);
    expect(model.dealt().map(({ kind }) => kind)).to.have.members(["turn", "turn", "subagent", "notice"]);
    expectBilled(results.at(-1), model);
  });

  it("stores conversations and temporary files in its own folder", async () => {
    await talk(["[[bash echo hi]]", "[[subagent [[words 1]]]]"]);
    expect((await stat(join(configDir, "projects"))).isDirectory()).to.equal(true);
    const elsewhere = await readdir(join(tmpdir(), `claude-${process.getuid?.()}`)).catch(() => []);
    expect(elsewhere.filter((name) => name.includes(basename(cwd)))).to.deep.equal([]);
  });
});

/** What a process has counted since its start: exactly what the model delivered, when nothing was broken off. */
function expectBilled(last: SDKResultMessage | undefined, model: ScriptedModel): void {
  const delivered = Object.fromEntries(
    Object.entries(model.totals()).map(([name, totals]) => [name, totals.delivered]),
  );
  const billed = Object.entries(last?.modelUsage ?? {}).map(([name, usage]) => [name, toTokens(usage)]);
  expect(Object.fromEntries(billed)).to.deep.equal(delivered);
}

function tokensOf(result: SDKResultMessage | undefined): Tokens | undefined {
  const [usage] = Object.values(result?.modelUsage ?? {});
  return usage === undefined ? undefined : toTokens(usage);
}

function toTokens(usage: SDKResultMessage["modelUsage"][string]): Tokens {
  return {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cache_read_input_tokens: usage.cacheReadInputTokens,
    cache_creation_input_tokens: usage.cacheCreationInputTokens,
  };
}

function callsOf(message: SDKMessage): { message: string; id: string }[] {
  if (message.type !== "assistant") return [];
  return message.message.content.flatMap((block) =>
    block.type === "tool_use" ? [{ message: message.message.id, id: block.id }] : [],
  );
}

function retriesIn(messages: readonly SDKMessage[]): number {
  return messages.filter((message) => message.type === "system" && message.subtype === "api_retry").length;
}

async function defer() {
  return {
    hookSpecificOutput: { hookEventName: "PreToolUse" as const, permissionDecision: "defer" as const },
  };
}
