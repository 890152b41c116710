import { randomUUID } from "node:crypto";
import type { AskedCall, CallAnswer, CallDecider } from "@claudeway/ports";
import { agent, job } from "../e2e/background-kit.js";
import { bash } from "../e2e/conversation.js";
import type { Ran, Stage } from "./stage.js";

/** Decides by tool, and records the calls. */
export class Decider implements CallDecider {
  readonly asked: AskedCall[] = [];
  constructor(private readonly answers: Readonly<Record<string, CallAnswer>> = {}) {}

  async decide(call: AskedCall): Promise<CallAnswer> {
    this.asked.push(call);
    const answer = this.answers[call.tool] ?? { answer: "allow" };
    if (answer.answer === "defer") await call.untilLast();
    return answer;
  }
}

const DENIED: CallAnswer = { answer: "deny", message: "not here" };

/*
 * What is said to the CLI in each recording. `record.ts` does it with the real CLI and the scripted model; the tests do
 * the same with what was recorded then. A change here wants a new recording.
 */
export const SCENARIOS = {
  /** Three turns of one session in one process. */
  async answers(stage: Stage) {
    const session = randomUUID();
    const first = await stage.run(stage.turn("[[words 3]]", { session }));
    const second = await stage.run(stage.turn("[[words 5]] ", { session, ...goingOn(first) }));
    return {
      first,
      second,
      third: await stage.run(stage.turn("[[words 7]]", { session, ...goingOn(second) })),
    };
  },

  /** A turn, and one in the next process of the session. */
  async resumed(stage: Stage) {
    const session = randomUUID();
    const first = await stage.run(stage.turn("[[words 3]]", { session }));
    await stage.engine.release(session);
    return { first, second: await stage.run(stage.turn("[[words 5]]", { session, ...goingOn(first) })) };
  },

  /** A turn that is stopped in the middle of a message, and the next one. */
  async interrupted(stage: Stage) {
    const session = randomUUID();
    const first = await stage.run(stage.turn("[[words 5]] [[hang]]", { session }), (_text, stop) =>
      stop("interrupted"),
    );
    return { first, second: await stage.run(stage.turn("[[words 3]]", { session, ...goingOn(first) })) };
  },

  /** The process is killed in the middle of a message. */
  async killed(stage: Stage) {
    const turn = stage.turn("[[words 5]] [[hang]]");
    return stage.run(turn, (_text, _stop, child) => {
      if (child !== undefined) process.kill(child.pid, "SIGKILL");
    });
  },

  /** The process is killed after its answer. */
  async "killed idle"(stage: Stage) {
    const ran = await stage.run(stage.turn("[[words 3]]"));
    if (ran.child !== undefined) process.kill(ran.child.pid, "SIGKILL");
    while (ran.totals.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    return ran;
  },

  /** The model's API refuses the request; the process is good for another. */
  async refused(stage: Stage) {
    const session = randomUUID();
    const first = await stage.run(stage.turn("[[fail 400 no such thing]]", { session }));
    return { first, second: await stage.run(stage.turn("[[words 3]]", { session, ...goingOn(first) })) };
  },

  /** There is no conversation to resume. */
  async unknown(stage: Stage) {
    return stage.run(stage.turn("[[words 3]]", { resume: true }));
  },

  /** There is no conversation to resume, and a call of it was to be withdrawn. */
  async "unknown with a call"(stage: Stage) {
    const unresolved = [{ toolUseId: "toolu_parked", certain: false }];
    const more = { approvalMode: "ask", decider: new Decider(), unresolved, resume: true } as const;
    return stage.run(stage.turn("[[words 3]]", more));
  },

  /** Of two calls, one is allowed. */
  async asked(stage: Stage) {
    const decider = new Decider({ Write: DENIED });
    const prompt = `${bash("echo hi")} [[write file text]] [[words 3]]`;
    return { decider, ran: await stage.run(stage.turn(prompt, { approvalMode: "ask", decider })) };
  },

  /** A call is parked, and its turn goes on in another process. */
  async parked(stage: Stage) {
    const session = randomUUID();
    const prompt = "[[write parked text]] [[words 3]]";
    const parks = new Decider({ Write: { answer: "defer" } });
    const first = await stage.run(stage.turn(prompt, { session, approvalMode: "ask", decider: parks }));
    const decider = new Decider();
    const { deferred: continues } = first.result;
    const more = { session, approvalMode: "ask", decider, continues, ...goingOn(first) } as const;
    return { first, second: await stage.run(stage.turn(prompt, more)), decider };
  },

  /** A call that was parked is withdrawn, before the session's next prompt. */
  async withdrawn(stage: Stage) {
    const session = randomUUID();
    const parks = new Decider({ Write: { answer: "defer" } });
    const ask = { session, approvalMode: "ask" } as const;
    const first = await stage.run(stage.turn("[[write parked text]]", { ...ask, decider: parks }));
    const unresolved = [{ toolUseId: first.result.deferred ?? "", certain: true }];
    const decider = new Decider();
    const more = { ...ask, decider, unresolved, ...goingOn(first) };
    return { first, second: await stage.run(stage.turn("[[words 3]]", more)), decider };
  },

  /** Calls that need permission are denied, and one of them is granted then. */
  async granted(stage: Stage) {
    const session = randomUUID();
    const mode = { session, approvalMode: "deny" } as const;
    const prompt = "[[write file text]] [[words 3]]";
    const first = await stage.run(stage.turn(prompt, mode));
    const granted = first.result.denials.map(({ tool_use_id, tool_name, tool_input }) => ({
      toolUseId: tool_use_id,
      tool: tool_name,
      input: { ...tool_input },
    }));
    const again = { ...mode, granted, ...goingOn(first) };
    return { first, second: await stage.run(stage.turn("[[again]] [[words 3]]", again)) };
  },

  /** The session's user says `/clear`. */
  async cleared(stage: Stage) {
    const session = randomUUID();
    const first = await stage.run(stage.turn("[[words 3]]", { session }));
    const clear = await stage.run(stage.turn("/clear", { session, ...goingOn(first) }));
    return {
      first,
      clear,
      after: await stage.run(stage.turn("[[words 5]]", { session, ...goingOn(clear) })),
    };
  },

  /** The session's user says `/model`. */
  async "another model"(stage: Stage) {
    const session = randomUUID();
    const first = await stage.run(stage.turn("/model haiku", { session }));
    const more = { session, model: "haiku", ...goingOn(first) };
    return { first, second: await stage.run(stage.turn("[[words 3]]", more)) };
  },

  /** The session enters plan mode. */
  async "plan mode"(stage: Stage) {
    const decider = new Decider();
    const prompt = '[[{"tool":"EnterPlanMode","input":{}}]] [[words 3]]';
    return stage.run(stage.turn(prompt, { approvalMode: "ask", decider }));
  },

  /** A job in the background ends, which the CLI begins a turn about; then there is another prompt. */
  async job(stage: Stage) {
    const session = randomUUID();
    const first = await stage.run(
      stage.turn(`${job(300)} [[say started]] [[noticed [[say done]]]]`, { session }),
    );
    const [own] = await stage.ownTurns(1);
    return { first, own, second: await stage.run(stage.turn("[[words 3]]", { session, ...goingOn(first) })) };
  },

  /** A call that needs permission is denied in a turn that the CLI begins by itself. */
  async "denied in its own turn"(stage: Stage) {
    const prompt = `${job(300)} [[say started]] [[noticed [[write file text]] [[say done]]]]`;
    const granted = [{ toolUseId: "any", tool: "Bash", input: jobInput(300) }];
    const first = await stage.run(stage.turn(prompt, { approvalMode: "deny", granted }));
    const [own] = await stage.ownTurns(1);
    return { first, own };
  },

  /** A task's process ends with its answer, and the job with it. */
  async "lost job"(stage: Stage) {
    return stage.run(stage.turn(`${job(60_000)} [[say started]]`, { kind: "task" }));
  },

  /** A subagent works in the background, beside a turn. */
  async subagent(stage: Stage) {
    const session = randomUUID();
    const work = agent("[[wait 1500]] [[words 20]]", true);
    const first = await stage.run(
      stage.turn(`${work} [[say started]] [[noticed [[say done]]]]`, { session }),
    );
    const second = await stage.run(stage.turn("[[words 3]]", { session, ...goingOn(first) }));
    const [own] = await stage.ownTurns(1);
    return { first, second, own };
  },

  /** A subagent works within a turn. */
  async "subagent in a turn"(stage: Stage) {
    return stage.run(stage.turn(`${agent("[[words 20]]", false)} [[words 3]]`));
  },

  /** The process is killed while the CLI runs a turn of its own. */
  async "killed in its own turn"(stage: Stage) {
    const first = await stage.run(stage.turn(`${job(300)} [[say started]] [[noticed [[words 5]] [[hang]]]]`));
    while (stage.own.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 300));
    if (first.child !== undefined) process.kill(first.child.pid, "SIGKILL");
    const [own] = await stage.ownTurns(1);
    return { first, own };
  },
} as const satisfies Readonly<Record<string, (stage: Stage) => Promise<unknown>>>;

export type Scenario = keyof typeof SCENARIOS;

/** The input of the call that `job` makes. */
function jobInput(ms: number): Readonly<Record<string, unknown>> {
  const { input }: { input: Readonly<Record<string, unknown>> } = JSON.parse(job(ms).slice(2, -2));
  return input;
}

/** A turn of a session that has had this one. */
function goingOn({ totals }: Ran) {
  return { resume: true, totals: totals.at(-1) };
}
