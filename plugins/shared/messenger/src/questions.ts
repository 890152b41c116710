import type { Approval } from "@claudeway/core";

/** One question of an AskUserQuestion. */
export interface Question {
  readonly question: string;
  readonly options: readonly { readonly label: string; readonly description: string }[];
  /** Several options can be chosen. */
  readonly many: boolean;
}

/** The well-formed questions of an approval. */
export function questionsOf({ input }: Pick<Approval, "input">): Question[] {
  const { questions } = input;
  if (!Array.isArray(questions)) return [];
  return questions.flatMap((one: unknown) => toQuestion(one) ?? []);
}

/** The input of the approval service: each question with its answer. */
export function answersOf(questions: readonly Question[], answered: readonly string[]) {
  return {
    answers: Object.fromEntries(questions.map(({ question }, index) => [question, answered[index] ?? ""])),
  };
}

function toQuestion(one: unknown): Question | undefined {
  if (!isObject(one)) return undefined;
  const { question, options, multiSelect } = one;
  if (typeof question !== "string") return undefined;
  const listed = Array.isArray(options) ? options.flatMap((option: unknown) => toOption(option) ?? []) : [];
  return { question, options: listed, many: multiSelect === true };
}

function toOption(option: unknown): Question["options"][number] | undefined {
  if (!isObject(option)) return undefined;
  const { label, description } = option;
  if (typeof label !== "string") return undefined;
  return { label, description: typeof description === "string" ? description : "" };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
