import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import type { Tokens } from "@claudeway/schemas";
import { expect } from "chai";
import type { Conversation } from "./conversation.js";
import { priceOf, sumOfDealt, sumOfDelivered } from "./dealt.js";
import { addTokens, NO_TOKENS } from "./ledger-file.js";
import { Written } from "./written.js";

const REFUSES = fileURLToPath(new URL("../fixtures/plugins/refuses", import.meta.url));

/** A gateway with enough capacity for a table of sessions. */
export function optionsWith(graceSecs: number) {
  return {
    args: ["--enable-plugin", REFUSES],
    env: { IS_SANDBOX: "1" },
    config: `[engine]\ngrace_secs = ${graceSecs}\nmax_running = 8\n`,
    model: { keepRequests: 10_000 },
  };
}

/** All failures, so that one run reports every row. */
export async function forEach<One>(
  cases: readonly One[],
  title: (one: One) => string,
  check: (one: One) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled(cases.map(check));
  const wrong = results.flatMap((result, index) => {
    const one = cases[index];
    return result.status === "rejected" && one ? [`${title(one)}: ${result.reason}`] : [];
  });
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${cases.length}:\n${wrong.join("\n")}`);
}

/**
 * Holds the sums of a session's turns against what the model dealt: to the last token and nanodollar, or what was
 * delivered, and then one says that it is an estimate.
 *
 * @param ended whether processes were ended, so that messages may be missing that no CLI has written down
 */
export async function holdAgainstModel(talk: Conversation, ended: boolean): Promise<void> {
  const turns = await talk.ledger.turns(talk.id);
  const recorded = turns.reduce((sum, { tokens }) => addTokens(sum, tokens), NO_TOKENS);
  const dealt = talk.dealt();
  const broken = dealt.filter(({ end }) => end !== "finished");
  const written = new Written(join(talk.gateway.dir, "claude"));
  const unwritten = dealt.filter(({ id }) => written.part(id) === undefined);
  const expected = subsetsOf(ended ? unwritten : []).map((unheard) => ({
    tokens: sumOfDelivered(dealt.filter((message) => !unheard.includes(message))),
    guesses: broken.filter((message) => !unheard.includes(message)).length,
  }));
  const fits = expected.some(({ tokens, guesses }) => isGuessOf(recorded, tokens, guesses));
  const told = () => `recorded ${JSON.stringify(turns)}, dealt ${JSON.stringify(dealt)}`;
  expect(fits, fits ? "" : told()).to.equal(true);
  if (!equal(recorded, sumOfDealt(dealt)))
    expect(
      turns.some(({ estimated }) => estimated),
      "estimated",
    ).to.equal(true);
  for (const { tokens, costUsd, estimated } of turns)
    if (!estimated) expect(costUsd, "a price").to.be.closeTo(priceOf(tokens), 1e-9);
  expect((await talk.ledger.session(talk.id)).tokens, "the session").to.deep.equal(recorded);
}

/** What a message's output may be guessed at where it broke off: a third of its characters. */
const GUESS = 20;

function subsetsOf<One>([first, ...others]: readonly One[]): (readonly One[])[] {
  if (first === undefined) return [[]];
  return subsetsOf(others).flatMap((some) => [some, [first, ...some]]);
}

/** Whether these are the tokens, but for the output of so many messages that broke off. */
function isGuessOf(recorded: Tokens, tokens: Tokens, guesses: number): boolean {
  const more = recorded.output - tokens.output;
  return equal({ ...recorded, output: 0 }, { ...tokens, output: 0 }) && more >= 0 && more <= GUESS * guesses;
}

function equal(a: Tokens, b: Tokens): boolean {
  return isDeepStrictEqual(a, b);
}
