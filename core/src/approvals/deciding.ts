import { isObject } from "@claudeway/schemas";
import { GatewayError } from "../errors.js";
import type { Approval, Decider, Decision } from "../ports/approvals.js";
import type { Caller } from "../ports/turns.js";

/** The decider for a decision by a key; `from` is the client's address. */
export function deciderOf({ keyId, admin }: Caller, from: string | undefined): Decider {
  return { channel: admin ? "admin" : "key", who: keyId, keyId, from };
}

/** Whether the request allows this decider. The admin's key may also decide what its own key may. */
export function mayDecide({ deciders, keyId }: Approval, decider: Decider): boolean {
  if (deciders === undefined) return true;
  return deciders.includes(decider.channel) || (decider.keyId === keyId && deciders.includes("key"));
}

/** Whether the asking plugin allows the turn's own key to decide. */
export function keyMayDecide(deciders: Approval["deciders"]): boolean {
  return deciders === undefined || deciders.includes("key");
}

/** A CONFLICT error that names who decided first. */
export function alreadyDecided({ id, status, decision }: Approval): GatewayError {
  const by = decision === undefined ? "" : ` by ${describeDecider(decision.by)} at ${decision.at}`;
  return new GatewayError("CONFLICT", `this was decided before: ${status}${by}`, {
    details: { approval_id: id },
  });
}

export function describeDecider({ channel, who, from }: Decider): string {
  return `${channel} ${who}${from === undefined ? "" : ` from ${from}`}`;
}

/** Characters of the message that the model reads with a denial. */
const MAX_MESSAGE = 10_000;

/** Throws BAD_REQUEST if the decision is not possible for this request. */
export function checkDecision(
  { kind }: Approval,
  { decision, updatedInput, message, scope }: Decision,
): void {
  if (decision === "deny" && updatedInput !== undefined) throw bad("updated_input: goes with allow only");
  if (decision === "deny" && scope === "session") throw bad('scope: "session" goes with allow only');
  if (decision === "allow" && message !== undefined) throw bad("message: goes with deny only");
  if (message !== undefined && (message === "" || message.length > MAX_MESSAGE)) {
    throw bad(`message: must be 1 to ${MAX_MESSAGE} characters, got ${message.length}`);
  }
  if (kind !== "question" || decision === "deny") return;
  if (scope === "session") throw bad('scope: a question is answered once; it takes "once"');
  if (updatedInput === undefined) {
    throw bad("updated_input: missing; a question takes {answers: {<question>: <label>}}");
  }
}

/** The input that a call will run with. For a question: its own input plus the answers. Throws BAD_REQUEST. */
export function withAnswers(
  { kind, input }: Approval,
  updated: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (kind !== "question") return updated;
  const { answers } = updated;
  if (!isObject(answers) || !Object.values(answers).every((answer) => typeof answer === "string")) {
    throw bad("updated_input.answers: takes an object of question and label");
  }
  const asked = questionsOf(input);
  const missing = asked.find((question) => !Object.hasOwn(answers, question));
  if (missing !== undefined) throw bad(`updated_input.answers: has none for ${JSON.stringify(missing)}`);
  const unknown = Object.keys(answers).find((question) => !asked.includes(question));
  if (unknown !== undefined) throw bad(`updated_input.answers: nobody asked ${JSON.stringify(unknown)}`);
  return { ...input, answers };
}

/** The questions of an AskUserQuestion, in order. */
export function questionsOf(input: Approval["input"]): string[] {
  const { questions } = input;
  if (!Array.isArray(questions)) return [];
  return questions.flatMap((one: unknown) =>
    isObject(one) && typeof one["question"] === "string" ? [one["question"]] : [],
  );
}

function bad(message: string): GatewayError {
  return new GatewayError("BAD_REQUEST", message);
}
