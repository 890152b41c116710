import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tokens, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import type { Conversation } from "./conversation.js";
import { priceOf, sumOfDealt } from "./dealt.js";
import { addTokens, type FiledTurn, NO_TOKENS } from "./ledger-file.js";
import { eventually } from "./poll.js";

/** What is asked for beside background work. */
export const WORDS = ["alpha", "beta", "gamma", "delta"] as const;

/** A call that starts a job in the background; the job ends after so many ms. */
export function job(ms: number): string {
  return inBackground(`node -e 'setTimeout(()=>{},${ms})'`);
}

/** The same; the job ends when there is such a file in the workdir. */
export function jobUntil(file: string): string {
  return inBackground(
    `node -e 'const timer = setInterval(() => fs.existsSync("${file}") && clearInterval(timer), 50)'`,
  );
}

/** A call that starts a job in the background, which `endJobs` ends. */
export const JOB = jobUntil("go");

/** Ends the jobs of a session, once it is so many ms later. */
export async function endJobs({ workdir }: { readonly workdir: string }, afterMs = 0): Promise<void> {
  await sleep(afterMs);
  writeFileSync(join(workdir, "go"), "");
}

function inBackground(command: string): string {
  const input = { command, description: "Test job", run_in_background: true };
  return `[[${JSON.stringify({ tool: "Bash", input })}]]`;
}

/** A call that launches a subagent. */
export function agent(prompt: string, inBackground: boolean): string {
  const input = {
    description: "Test agent",
    prompt,
    subagent_type: "general-purpose",
    run_in_background: inBackground,
  };
  return `[[${JSON.stringify({ tool: "Agent", input })}]]`;
}

/** The turns that the CLI began by itself, as recorded in the ledger. */
export async function notices(talk: Conversation): Promise<FiledTurn[]> {
  const turns = await talk.ledger.turns(talk.id);
  return turns.filter(({ origin }) => origin === "background");
}

/** How many turns of the session have not ended. */
export async function openTurns(talk: Conversation): Promise<number> {
  const turns = await talk.ledger.turns(talk.id);
  return turns.filter(({ end }) => end === null).length;
}

/** Asks for one thing more when nothing runs, and waits until nothing runs after that. */
export async function settle(talk: Conversation): Promise<void> {
  const nothingRuns = async () =>
    (await openTurns(talk)) === 0 && ((await talk.view()).background ?? []).length === 0;
  await eventually("the end of all turns", nothingRuns);
  // The CLI may be about to begin a turn: a prompt waits for that.
  expect((await talk.say("[[say last]]")).body).to.include({ success: true, result: "last" });
  await sleep(1500);
  await eventually("the end of all turns", nothingRuns);
}

/** Asks for each word and holds answer, stream, tokens and cost against what the model dealt for that prompt. */
export async function askAll(talk: Conversation, pauseMs: number): Promise<void> {
  for (const word of WORDS) {
    await ask(talk, word);
    await sleep(pauseMs);
  }
}

export async function ask(talk: Conversation, word: string): Promise<TurnResponse> {
  const prompt = `[[say ${word}]]`;
  const before = talk.dealt().length;
  const events = await talk.gateway.events(`${talk.path}/stream`, { body: { prompt } });
  const done: TurnResponse = JSON.parse(events.at(-1)?.data ?? "{}");
  const text = events.filter(({ event }) => event === "text").at(-1)?.data;
  expect({ result: done.result, text }, prompt).to.deep.equal({ result: word, text: word });
  const own = sumOfDealt(
    talk
      .dealt()
      .slice(before)
      .filter(({ kind }) => kind === "turn"),
  );
  expect(done.tokens, `the tokens of ${prompt}`).to.deep.equal(own);
  if (done.cost_estimated !== true)
    expect(done.cost_usd, `the cost of ${prompt}`).to.be.closeTo(priceOf(own), 1e-9);
  return done;
}

/** Waits until nothing runs any more, then holds the session's sums against all that the model dealt to it. */
export async function checkSums(talk: Conversation): Promise<void> {
  await eventually("the end of all turns", async () => (await openTurns(talk)) === 0 || undefined);
  const turns = await talk.ledger.turns(talk.id);
  const all = sumOfDealt(talk.dealt());
  const added = turns.reduce((sum: Tokens, { tokens }) => addTokens(sum, tokens), NO_TOKENS);
  expect(added, "the turns' tokens").to.deep.equal(all);
  expect(
    turns.reduce((sum, { costUsd }) => sum + costUsd, 0),
    "the turns' cost",
  ).to.be.closeTo(priceOf(all), 1e-6);
  const view = await talk.view();
  expect(view.tokens).to.deep.equal(all);
  expect(view.task_count).to.equal(turns.length);
}
