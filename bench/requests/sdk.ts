import { query, type SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import { findClaude } from "#engine-claude/executable.js";

/*
 * The same turns directly on the Agent SDK, in its own process. Each message from the parent is a prompt; the reply, sent with
 * the result, is the processor time used so far, in µs. `sdk.ts <folder>`
 */

const [cwd = "."] = process.argv.slice(2);
const prompts: ((message: SDKUserMessage) => void)[] = [];
const waiting: SDKUserMessage[] = [];

async function* input(): AsyncGenerator<SDKUserMessage, void> {
  for (;;) {
    const next = waiting.shift();
    yield next ?? (await new Promise<SDKUserMessage>((resolve) => prompts.push(resolve)));
  }
}

process.on("disconnect", () => process.exit());
process.on("message", (text) => {
  const message: SDKUserMessage = {
    type: "user",
    message: { role: "user", content: String(text) },
    parent_tool_use_id: null,
    session_id: "",
  };
  const taken = prompts.shift();
  if (taken === undefined) waiting.push(message);
  else taken(message);
});

const turns = query({
  prompt: input(),
  options: {
    cwd,
    model: "sonnet",
    includePartialMessages: true,
    pathToClaudeCodeExecutable: findClaude(undefined).path,
  },
});
for await (const message of turns) {
  const { user, system } = process.cpuUsage();
  if (message.type === "result") process.send?.({ cpuUs: user + system });
}
