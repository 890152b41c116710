import { inWords } from "./calling/deadline.js";

/** A start that takes longer than this, in ms, logs the duration of its steps at warn. */
const SLOW_MS = 5_000;

/** A step of the start, and how long it took. */
export interface StartStep {
  readonly name: string;
  readonly ms: number;
  readonly steps: readonly StartStep[];
}

/** Measures the steps of a start, each with the steps in it. */
export class StartTimes {
  readonly #steps: StartStep[] = [];
  readonly #started = performance.now();

  /** Runs a step and notes how long it took; `inside` are the steps in it, with times of their own. */
  async step<T>(
    name: string,
    run: (inside: StartTimes) => T | Promise<T>,
    more: (result: T) => readonly StartStep[] = () => [],
  ): Promise<T> {
    const inside = new StartTimes();
    const result = await run(inside);
    this.#steps.push({ ...inside.end(name), steps: [...inside.#steps, ...more(result)] });
    return result;
  }

  /** The whole of it, as a step. */
  end(name: string): StartStep {
    return { name, ms: performance.now() - this.#started, steps: this.#steps };
  }
}

/** Where the tree goes: a logger. */
interface StartLog {
  debug(line: string): void;
  warn(line: string): void;
}

/** Logs the start as a tree: at the level "debug", and at "warn" where it was slow. */
export function logStart(start: StartStep, log: StartLog): void {
  const level = start.ms > SLOW_MS ? "warn" : "debug";
  for (const line of treeOf(start)) log[level](line);
}

/** A step and all that is in it, a line for each, as a tree. */
export function treeOf({ name, ms, steps }: StartStep): string[] {
  const lines = steps.flatMap((step, index) => {
    const last = index === steps.length - 1;
    const [first, ...rest] = treeOf(step);
    return [`${last ? "└" : "├"}─ ${first}`, ...rest.map((line) => `${last ? " " : "│"}  ${line}`)];
  });
  return [`${name} ${inWords(ms)}`, ...lines];
}
