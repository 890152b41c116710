import { type Approval, type Caller, type Decider, type Decision, GatewayError } from "@claudeway/ports";
import { isObject } from "@claudeway/schemas";

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
  return new GatewayError("CONFLICT", `already decided: ${status}${by}`, {
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
  if (decision === "deny" && updatedInput !== undefined)
    throw bad("updated_input is allowed only with decision allow");
  if (decision === "deny" && scope === "session")
    throw bad('scope "session" is allowed only with decision allow');
  if (decision === "allow" && message !== undefined) throw bad("message is allowed only with decision deny");
  if (message !== undefined && (message === "" || message.length > MAX_MESSAGE)) {
    throw bad(`message must be 1 to ${MAX_MESSAGE} characters, got ${message.length}`);
  }
  if (kind !== "question" || decision === "deny") return;
  if (scope === "session") throw bad('scope must be "once" for a question, got "session"');
  if (updatedInput === undefined) {
    throw bad("updated_input is missing; for a question it must be {answers: {<question>: <label>}}");
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
    throw bad("updated_input.answers must be an object of labels by question");
  }
  const asked = questionsOf(input);
  const missing = asked.find((question) => !Object.hasOwn(answers, question));
  if (missing !== undefined)
    throw bad(`updated_input.answers must answer every question; missing: ${JSON.stringify(missing)}`);
  const unknown = Object.keys(answers).find((question) => !asked.includes(question));
  if (unknown !== undefined) throw bad(`updated_input.answers: unknown question ${JSON.stringify(unknown)}`);
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
