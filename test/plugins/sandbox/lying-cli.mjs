#!/usr/bin/env node
/*
 * Speaks the CLI's protocol, and writes what its prompt says: JavaScript for a line or lines, where `result()` is a valid
 * result, and `flood()` writes a text again and again.
 */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";

if (process.argv.includes("--version")) {
  process.stdout.write("2.1.332 (Claude Code)\n");
  process.exit();
}

const session = /(?:--resume|--session-id)[ =](\S+)/.exec(process.argv.join(" "))?.[1];
const usage = {
  input_tokens: 1,
  output_tokens: 1,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

function result(more = {}) {
  const counts = { inputTokens: 1, outputTokens: 1, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 };
  return JSON.stringify({
    type: "result",
    subtype: "success",
    is_error: false,
    duration_ms: 1,
    duration_api_ms: 1,
    num_turns: 1,
    result: "said",
    session_id: session,
    total_cost_usd: 0.001,
    usage,
    modelUsage: { "claude-sonnet-4-5": { ...counts, webSearchRequests: 0, costUSD: 0.001 } },
    permission_denials: [],
    uuid: "00000000-0000-4000-8000-000000000000",
    ...more,
  });
}

/** Writes a text, as often as it is said, as fast as it is read. */
function flood(text, times) {
  const bytes = Buffer.from(text.repeat(times));
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
  return [];
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.type === "control_request") {
    const response = {
      commands: [],
      models: [],
      account: {},
      agents: [],
      output_style: "",
      available_output_styles: [],
    };
    const answer = { subtype: "success", request_id: message.request_id, response };
    process.stdout.write(`${JSON.stringify({ type: "control_response", response: answer })}\n`);
  } else if (message.type === "user") {
    const { content } = message.message;
    const prompt = typeof content === "string" ? content : content.map(({ text }) => text).join("");
    const said = new Function("result", "flood", `return ${prompt}`)(result, flood);
    for (const text of [said].flat()) process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  }
}
