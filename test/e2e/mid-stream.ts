import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { priceOf, sumOfDealt, sumOfDelivered } from "./dealt.js";
import type { TestGateway } from "./gateway.js";
import { addTokens, NO_TOKENS } from "./ledger-file.js";
import { inTheMiddle, killChild } from "./ways.js";

/*
 * Errors of the model, at every place of a turn. What the CLI 2.1.330 makes of them, as measured: before `message_start`
 * nothing was delivered. After it, a 4xx status ends the turn (or the subagent), and the message is missing from the
 * CLI's totals. 500 and 529 are tried again; a message that had said something is counted, one that had not is missing.
 */

export const STATUSES = [400, 401, 404, 413, 429, 500, 529] as const;

/** Where in a turn the error comes. */
export const ERROR_PLACES: Readonly<Record<string, (failure: string) => string>> = {
  "before the message": (failure) => failure,
  "at the message's start": (failure) => `[[open]] ${failure}`,
  "after text": (failure) => `[[words 5]] ${failure}`,
  "after a tool call": (failure) => `[[words 2]] [[bash echo hi]] [[words 5]] ${failure}`,
  "after a subagent": (failure) => `[[subagent [[bash echo hi]] [[words 7]]]] [[words 5]] ${failure}`,
  "in a subagent": (failure) => `[[subagent [[bash echo hi]] [[words 7]] ${failure}]] [[words 3]]`,
};

/** What the session has behind it when the error comes. */
export const ERROR_STAGES = ["first turn", "live process", "clean end", "kill"] as const;

export interface ErrorCase {
  readonly status: number;
  readonly place: string;
  readonly stage: (typeof ERROR_STAGES)[number];
}

/** So much that a turn which is billed for the whole session shows, whatever the turn itself was delivered. */
const MUCH = `${"x".repeat(2000)} [[tools 4]] [[words 9]]`;

/** A session up to the turn in which the error comes. */
export async function prepare(gateway: TestGateway, { stage }: ErrorCase): Promise<Conversation> {
  const talk = await Conversation.start(gateway);
  if (stage === "first turn") return talk;
  expect((await talk.say(MUCH)).body.success).to.equal(true);
  if (stage === "kill") await inTheMiddle(talk, "tool call", killChild);
  return talk;
}

/** The turn with the error, one more, and the session's sums. */
export async function check(talk: Conversation, { status, place, stage }: ErrorCase): Promise<void> {
  const prompt = ERROR_PLACES[place]?.(`[[fail ${status} broke]]`) ?? "";
  const failed = await turn(talk, prompt);
  const broken = failed.dealt.filter(({ end }) => end !== "finished");
  expect({ ...failed.tokens, output: 0 }, "what went in").to.deep.equal({ ...failed.delivered, output: 0 });
  expect(failed.tokens.output, "what came out").to.be.within(
    failed.delivered.output,
    failed.delivered.output + 5 * broken.length,
  );
  expect(failed.estimated, "estimated").to.equal(
    failed.delivered.input > failed.whole.input || place === "in a subagent",
  );
  // The price of what was not reported is learned, from few turns of one kind.
  const price = priceOf(failed.tokens);
  if (stage !== "first turn") expect(failed.cost, "cost").to.be.within(0.5 * price, 2 * price);

  const next = await turn(talk, "[[words 6]]");
  expect(next.tokens, "the next turn").to.deep.equal(sumOfDealt(next.dealt));
  expect(next.cost, "its cost").to.be.closeTo(priceOf(next.tokens), 1e-9);
  expect(next.estimated).to.equal(false);
  const turns = await talk.ledger.turns(talk.id);
  const added = turns.reduce((sum, { tokens }) => addTokens(sum, tokens), NO_TOKENS);
  expect((await talk.ledger.session(talk.id)).tokens, "the session against its turns").to.deep.equal(added);
}

async function turn(talk: Conversation, prompt: string) {
  const before = talk.dealt().length;
  const { body } = await talk.say(prompt);
  const dealt = talk.dealt().slice(before);
  const whole = sumOfDealt(dealt.filter(({ end }) => end === "finished"));
  const { tokens, cost_usd: cost, cost_estimated: estimated = false } = body;
  return { dealt, delivered: sumOfDelivered(dealt), whole, tokens, cost, estimated };
}
