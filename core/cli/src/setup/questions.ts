import { readText, splitList } from "@claudeway/config";
import { compileConfigSchema, type JSONSchema } from "@claudeway/kernel";
import { messageOf } from "@claudeway/ports";
import { isObject } from "@claudeway/schemas";
import type { AnswerCheck, Terminal } from "./terminal.js";

/** A question for one setting of a plugin. */
export interface Question {
  readonly plugin: string;
  readonly name: string;
  /** The schema of the plugin's section. */
  readonly schema: JSONSchema;
  /** If false, an empty answer omits the setting. */
  readonly required: boolean;
}

/** Asks for a setting with the prompt that suits its schema. Resolves to undefined if it is omitted. */
export async function ask(question: Question, terminal: Terminal): Promise<unknown> {
  const { name, required } = question;
  const setting = settingOf(question.schema, name);
  const { description, type, enum: allowed, default: standard } = setting;
  const message = `${name}${required ? "" : " (optional)"}: ${String(description ?? "")}`;
  if (type === "boolean") return terminal.yes(message, standard === true);
  if (Array.isArray(allowed) && allowed.every((value) => typeof value === "string") && required) {
    return terminal.one(
      message,
      allowed.map((value) => ({ value, label: value })),
    );
  }
  const check = answerCheck(question, setting);
  const answer =
    setting["x-secret"] === true
      ? await terminal.secret(message, check)
      : await terminal.text(message, check);
  return answer === "" ? undefined : readAnswer(answer, setting);
}

/** The settings that a section must have, in the schema's order. One with a default is never missing. */
export function requiredSettings(schema: JSONSchema): string[] {
  const { required } = schema;
  const names = Array.isArray(required) ? required.filter((name) => typeof name === "string") : [];
  return names.filter((name) => !("default" in settingOf(schema, name)));
}

/** The defaults of the section's own settings. */
export function defaultsOf({ properties }: JSONSchema): Record<string, unknown> {
  const settings = isObject(properties) ? Object.entries(properties) : [];
  return Object.fromEntries(
    settings.flatMap(([name, setting]) =>
      isObject(setting) && "default" in setting ? [[name, setting["default"]]] : [],
    ),
  );
}

function settingOf({ properties }: JSONSchema, name: string): Record<string, unknown> {
  const setting = isObject(properties) ? properties[name] : undefined;
  return isObject(setting) ? setting : {};
}

/** Validates an answer against the schema of its setting only; the whole section is validated at the end. */
function answerCheck(
  { plugin, name, schema, required }: Question,
  setting: Record<string, unknown>,
): AnswerCheck {
  const { $defs = {} } = schema;
  const check = compileConfigSchema(plugin, {
    $defs,
    type: "object",
    properties: { [name]: setting },
    additionalProperties: false,
  });
  return (answer) => {
    if (answer === "") return required ? `${name} is required` : undefined;
    try {
      check({ [name]: readAnswer(answer, setting) });
      return undefined;
    } catch (error) {
      return messageOf(error).replace(/^plugins\.\w+\./, "");
    }
  };
}

function readAnswer(answer: string, { type, items }: Record<string, unknown>): unknown {
  if (type !== "array") return readText(answer, [type].flat().map(String));
  const of = isObject(items) ? items["type"] : "string";
  return splitList(answer).map((part) => readText(part, [of].flat().map(String)));
}
