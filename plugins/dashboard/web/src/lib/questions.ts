/** A question of the model, and the answers that it offers. */
export interface Asked {
  readonly question: string;
  readonly multiple: boolean;
  readonly options: readonly { readonly label: string; readonly description: string }[];
}

/** The questions of an AskUserQuestion call. */
export function questionsOf(input: Readonly<Record<string, unknown>>): Asked[] {
  return list(input["questions"]).map((one) => {
    const { question, multiSelect, options } = record(one);
    return {
      question: String(question ?? ""),
      multiple: multiSelect === true,
      options: list(options).map((option) => {
        const { label, description } = record(option);
        return { label: String(label ?? ""), description: String(description ?? "") };
      }),
    };
  });
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
