import { type Approval, type Caller, type Decider, type Decision, GatewayError } from "@claudeway/ports";

/** The decider for a decision by a key; `from` is the client's address. */
export function deciderOf({ keyId, admin }: Caller, from: string | undefined): Decider {
  return { channel: admin ? "admin" : "key", who: keyId, keyId, from };
}

/** Throws FORBIDDEN if the request does not allow this decider. The admin's key may also decide what its own key may. */
export function checkDecider({ deciders, keyId }: Approval, { channel, keyId: own }: Decider): void {
  if (deciders === undefined || deciders.includes(channel)) return;
  if (own === keyId && deciders.includes("key")) return;
  throw new GatewayError(
    "FORBIDDEN",
    `${channel} may not decide this; allowed deciders: ${deciders.join(", ")}`,
  );
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

function bad(message: string): GatewayError {
  return new GatewayError("BAD_REQUEST", message);
}
