import { GatewayError } from "@claudeway/ports";
import { type AnswersRequest, isObject, type QuestionOption, type UserQuestion } from "@claudeway/schemas";

/** The name of the CLI's tool with which the model asks its user. */
export const QUESTION_TOOL = "AskUserQuestion";

/** The input of a call of `QUESTION_TOOL`. */
type AskedInput = Readonly<Record<string, unknown>>;

/** The well-formed questions of a call, in order. */
export function questionsOf({ questions }: AskedInput): UserQuestion[] {
  if (!Array.isArray(questions)) return [];
  return questions.flatMap((one: unknown) => toQuestion(one) ?? []);
}

/**
 * The answers to a call as the CLI expects them: a text for each question, with chosen labels separated by commas.
 * Throws BAD_REQUEST for a missing answer, an unknown question, and a label that is not an option.
 */
export function answersOf(input: AskedInput, given: AnswersRequest["answers"]): Record<string, string> {
  const questions = questionsOf(input);
  checkNames(
    questions.map(({ question }) => question),
    Object.keys(given),
    "answers",
  );
  return Object.fromEntries(questions.map((one) => [one.question, answerOf(one, given[one.question])]));
}

/**
 * The input that the call runs with: its own input plus the answers of a decision, `{answers: {<question>: <text>}}`.
 * Throws BAD_REQUEST.
 */
export function withAnswers(input: AskedInput, { answers }: AskedInput): AskedInput {
  if (!isObject(answers) || !Object.values(answers).every((answer) => typeof answer === "string")) {
    throw bad("updated_input.answers must be an object of labels by question");
  }
  const asked = questionsOf(input).map(({ question }) => question);
  checkNames(asked, Object.keys(answers), "updated_input.answers");
  return { ...input, answers };
}

function answerOf(
  { question, multi_select, options }: UserQuestion,
  given: AnswersRequest["answers"][string] | undefined,
): string {
  if (typeof given === "object" && !Array.isArray(given)) return given.text;
  const chosen = typeof given === "object" ? given : [given ?? ""];
  const labels = options.map(({ label }) => label);
  const isAllowed = chosen.every((label) => labels.includes(label)) && new Set(chosen).size === chosen.length;
  if (!isAllowed || (chosen.length > 1 && !multi_select)) {
    const number = multi_select ? "one or more" : "one";
    throw bad(
      `answers.${JSON.stringify(question)} must be ${number} of ${labels.map((label) => JSON.stringify(label)).join(", ")}, ` +
        `or {"text": "..."}, got ${JSON.stringify(given)}`,
    );
  }
  return chosen.join(", ");
}

/** Throws BAD_REQUEST unless each question has an answer and each answer a question. */
function checkNames(asked: readonly string[], answered: readonly string[], field: string): void {
  const missing = asked.find((question) => !answered.includes(question));
  if (missing !== undefined)
    throw bad(`${field} must answer every question; missing: ${JSON.stringify(missing)}`);
  const unknown = answered.find((question) => !asked.includes(question));
  if (unknown !== undefined) throw bad(`${field}: unknown question ${JSON.stringify(unknown)}`);
}

function toQuestion(one: unknown): UserQuestion | undefined {
  if (!isObject(one) || typeof one["question"] !== "string") return undefined;
  const { question, header, multiSelect, options } = one;
  return {
    question,
    header: typeof header === "string" ? header : "",
    multi_select: multiSelect === true,
    options: Array.isArray(options) ? options.flatMap((option: unknown) => toOption(option) ?? []) : [],
  };
}

function toOption(option: unknown): QuestionOption | undefined {
  if (!isObject(option) || typeof option["label"] !== "string") return undefined;
  const { label, description, preview } = option;
  return {
    label,
    description: typeof description === "string" ? description : "",
    ...(typeof preview === "string" && { preview }),
  };
}

function bad(message: string): GatewayError {
  return new GatewayError("BAD_REQUEST", message);
}
