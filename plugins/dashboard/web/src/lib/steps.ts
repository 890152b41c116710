import type { ConversationTurn, MessageBlock } from "./types.js";

/** A part of what the model did in a turn. */
export type Step = TextStep | CallStep;

export interface TextStep {
  readonly kind: "text" | "thinking";
  readonly text: string;
  /** Length of the whole text in characters. */
  readonly chars: number;
}

export interface CallStep {
  readonly kind: "call";
  readonly id: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly cut: boolean;
  /** Undefined while the call has no result. */
  readonly result: CallResult | undefined;
}

export interface CallResult {
  readonly ok: boolean;
  readonly text: string;
  readonly chars: number;
  /** Milliseconds from the call to its result, time for a person's decision included. */
  readonly ms: number;
}

/** The model's texts, thinking and tool calls in a turn, in order, each call with its result. */
export function stepsOf({ messages }: Pick<ConversationTurn, "messages">): Step[] {
  const results = new Map<string, { readonly block: Result; readonly at: string }>();
  for (const { at, content } of messages) {
    for (const block of content)
      if (block.type === "tool_result") results.set(block.tool_use_id, { block, at });
  }
  return messages
    .filter(({ role }) => role === "assistant")
    .flatMap(({ at, content }) =>
      content.flatMap((block): Step[] => {
        if (block.type === "tool_use") return [callOf(block, at, results.get(block.id))];
        if ((block.type !== "text" && block.type !== "thinking") || block.text === "") return [];
        return [{ kind: block.type, text: block.text, chars: block.length ?? block.text.length }];
      }),
    );
}

/** Where a call is in its turn: what came before it, and the calls of its message, itself included. */
export function placeOf(turn: Pick<ConversationTurn, "messages">, callId: string) {
  const steps = stepsOf(turn);
  const message = turn.messages.find(({ content }) =>
    content.some((block) => block.type === "tool_use" && block.id === callId),
  );
  const ids = new Set(message?.content.flatMap((block) => (block.type === "tool_use" ? [block.id] : [])));
  const beside = steps.filter((step): step is CallStep => step.kind === "call" && ids.has(step.id));
  const [first] = beside;
  return { before: first === undefined ? steps : steps.slice(0, steps.indexOf(first)), beside };
}

/** The text of a turn's prompt, as the transcript has it. */
export function promptOf({ messages }: Pick<ConversationTurn, "messages">): string {
  const [first] = messages;
  if (first?.role !== "user") return "";
  return first.content.map((block) => (block.type === "text" ? block.text : `[${block.type}]`)).join("\n");
}

type Result = Extract<MessageBlock, { type: "tool_result" }>;
type Call = Extract<MessageBlock, { type: "tool_use" }>;

function callOf(
  { id, name, input, cut = false }: Call,
  at: string,
  found: { readonly block: Result; readonly at: string } | undefined,
): CallStep {
  const result = found && {
    ok: found.block.ok,
    text: found.block.text,
    chars: found.block.length ?? found.block.text.length,
    ms: Math.max(0, Date.parse(found.at) - Date.parse(at)),
  };
  return { kind: "call", id, tool: name, input, cut, result };
}
