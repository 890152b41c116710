import * as clack from "@clack/prompts";
import { SetupCancelled } from "./cancelled.js";

export interface Choice<Value> {
  readonly value: Value;
  readonly label: string;
  readonly hint?: string;
}

/** Says why an answer is none, in one line; undefined: it is one. */
export type AnswerCheck = (answer: string) => string | undefined;

/** Questions on a terminal. Every one of them rejects with `SetupCancelled` on Ctrl-C. */
export const terminal = {
  begin: (title: string): void => clack.intro(title),
  end: (line: string): void => clack.outro(line),
  say: (line: string): void => clack.log.info(line),
  warn: (line: string): void => clack.log.warn(line),

  /** Text to be copied, on a line of its own: a box would break it on a narrow terminal. */
  toCopy(title: string, text: string): void {
    clack.log.info(title);
    process.stdout.write(`${text}\n`);
  },

  async yes(message: string, initialValue = true): Promise<boolean> {
    return answered(await clack.confirm({ message, initialValue }));
  },

  async text(message: string, check: AnswerCheck, placeholder?: string): Promise<string> {
    const validate = (answer = "") => check(answer);
    return (
      answered(
        await clack.text({ message, validate, ...(placeholder === undefined ? {} : { placeholder }) }),
      ) ?? ""
    );
  },

  /** What is typed is not shown. */
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

/** Ctrl-C is told by a symbol. */
function isAnswer<Value>(answer: Value): answer is Exclude<Value, symbol> {
  return typeof answer !== "symbol";
}

function found<Value extends string>(choices: readonly Choice<Value>[], chosen: string): Value {
  const choice = choices.find(({ value }) => value === chosen);
  if (choice === undefined) throw new Error(`${chosen} was not offered`);
  return choice.value;
}
