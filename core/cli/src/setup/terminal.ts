import * as clack from "@clack/prompts";
import { SetupCancelled } from "./cancelled.js";

export interface Choice<Value> {
  readonly value: Value;
  readonly label: string;
  readonly hint?: string;
}

/** Returns why an answer is invalid, in one line, or undefined if it is valid. */
export type AnswerCheck = (answer: string) => string | undefined;

/** Questions on a terminal. Every one of them rejects with `SetupCancelled` on Ctrl-C. */
export const terminal = {
  begin: (title: string): void => clack.intro(title),
  end: (line: string): void => clack.outro(line),
  say: (line: string): void => clack.log.info(line),
  warn: (line: string): void => clack.log.warn(line),

  /** Prints text for copying on a line of its own: a box would break it on a narrow terminal. */
  toCopy(title: string, text: string): void {
    clack.log.info(title);
    process.stdout.write(`${text}\n`);
  },

  async yes(message: string, initialValue = true): Promise<boolean> {
    return answered(await clack.confirm({ message, initialValue }));
  },

  async text(message: string, check: AnswerCheck): Promise<string> {
    return answered(await clack.text({ message, validate: (answer = "") => check(answer) })) ?? "";
  },

  /** Asks for a text without echoing the input. */
  async secret(message: string, check: AnswerCheck): Promise<string> {
    return answered(await clack.password({ message, validate: (answer = "") => check(answer) })) ?? "";
  },

  async one<Value extends string>(message: string, choices: readonly Choice<Value>[]): Promise<Value> {
    const options: clack.Option<string>[] = [...choices];
    const chosen = answered(await clack.select<string>({ message, options }));
    return found(choices, chosen);
  },

  async several<Value extends string>(message: string, choices: readonly Choice<Value>[]): Promise<Value[]> {
    const options: clack.Option<string>[] = [...choices];
    const chosen = answered(await clack.multiselect<string>({ message, options, required: false }));
    return choices.filter(({ value }) => chosen.includes(value)).map(({ value }) => value);
  },
} as const;

export type Terminal = typeof terminal;

function answered<Value>(answer: Value): Exclude<Value, symbol> {
  if (isAnswer(answer)) return answer;
  throw new SetupCancelled();
}

/** @clack/prompts returns a symbol on Ctrl-C. */
function isAnswer<Value>(answer: Value): answer is Exclude<Value, symbol> {
  return typeof answer !== "symbol";
}

function found<Value extends string>(choices: readonly Choice<Value>[], chosen: string): Value {
  const choice = choices.find(({ value }) => value === chosen);
  if (choice === undefined) throw new Error(`${chosen} was not offered`);
  return choice.value;
}
