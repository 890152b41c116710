import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startFilled } from "./dashboard-kit.js";
import type { TestGateway } from "./gateway.js";

const PER_DAY = 100;
const PAGE = 100;

export interface LongSession {
  readonly gateway: TestGateway;
  readonly id: string;
}

/** A gateway with one session of so many turns (hundreds), each with a prompt, a tool call and an answer in its transcript. */
export async function startLongSession(turns: number): Promise<LongSession> {
  const gateway = await startFilled({
    days: turns / PER_DAY + 1,
    models: ["claude-haiku-4-5"],
    keys: ["bob"],
    sessions: 1,
    varied: true,
    // None on day 0, where they would overlap: no turn of a session begins before the one before it has ended.
    turns: (day) => (day === 0 ? 0 : PER_DAY),
    costUsd: () => 0.01,
  });
  const { body } = await gateway.request<{ sessions: { session_id: string }[] }>("/admin/sessions");
  const id = body.sessions[0]?.session_id ?? "";
  const found = await turnsOf(gateway, id);
  if (found.length !== turns) throw new Error(`${found.length} turns instead of ${turns}`);
  const project = join(gateway.dir, "claude", "projects", "long");
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, `${id}.jsonl`), found.toReversed().map(linesOf).join(""));
  return { gateway, id };
}

interface Turn {
  readonly turn_id: string;
  readonly created_at: string;
}

/** Latest first. */
async function turnsOf(gateway: TestGateway, id: string): Promise<Turn[]> {
  const all: Turn[] = [];
  for (let page = 1; ; page++) {
    const path = `/admin/sessions/${id}/turns?page=${page}&limit=${PAGE}`;
    const { turns } = (await gateway.request<{ turns: Turn[] }>(path)).body;
    all.push(...turns);
    if (turns.length < PAGE) return all;
  }
}

function linesOf({ turn_id, created_at }: Turn, no: number): string {
  const call = {
    type: "tool_use",
    id: `call-${no}`,
    name: "Read",
    input: { file_path: `/srv/shop/${no}.ts` },
  };
  const result = { type: "tool_result", tool_use_id: `call-${no}`, content: "export {};\n".repeat(40) };
  const answer = `## Part ${no}\n\n${"The check comes **before** the write now. ".repeat(20)}`;
  const messages = [
    { role: "user", content: `Prompt ${no + 1}` },
    { role: "assistant", id: `msg-${no}-1`, model: "claude-haiku-4-5", content: [call] },
    { role: "user", content: [result] },
    {
      role: "assistant",
      id: `msg-${no}-2`,
      model: "claude-haiku-4-5",
      content: [{ type: "text", text: answer }],
    },
  ];
  return messages
    .map((message, at) => {
      const timestamp = new Date(Date.parse(created_at) + at * 100).toISOString();
      const line = {
        parentUuid: null,
        type: message.role,
        message,
        uuid: `${turn_id.slice(0, -1)}${at}`,
        timestamp,
      };
      return `${JSON.stringify({ ...line, ...(at === 0 && { promptId: turn_id }) })}\n`;
    })
    .join("");
}
