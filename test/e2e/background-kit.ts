import type { Conversation } from "./conversation.js";
import type { FiledTurn } from "./ledger-file.js";

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

/** The turns that the CLI began by itself, as they stand in the ledger. */
export async function notices(talk: Conversation): Promise<FiledTurn[]> {
  const turns = await talk.ledger.turns(talk.id);
  return turns.filter(({ origin }) => origin === "background");
}

/** How many turns of the session have not ended. */
export async function openTurns(talk: Conversation): Promise<number> {
  const turns = await talk.ledger.turns(talk.id);
  return turns.filter(({ end }) => end === null).length;
}
