export interface Block {
  readonly type: string;
  readonly elements?: readonly Readonly<Record<string, unknown>>[];
  readonly [name: string]: unknown;
}

type Json = Readonly<Record<string, unknown>>;

const INLINE = ["text", "link"];

/** Slack's reason to refuse blocks; undefined if it accepts them. */
export function complaintAboutBlocks(blocks: readonly Block[]): string | undefined {
  if (blocks.length > 50) return "too many blocks";
  if (JSON.stringify(blocks).length > 100_000) return "too large";
  for (const block of blocks) {
    const complaint = complaintAbout(block);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

function complaintAbout({ type, elements = [], text }: Block): string | undefined {
  switch (type) {
    case "rich_text":
      return elements.map(aboutGroup).find((one) => one !== undefined);
    case "actions":
      return aboutActions(elements);
    case "header":
    case "section":
      return lengthOf(text) < 1 || lengthOf(text) > (type === "header" ? 150 : 3000)
        ? `${type}'s text`
        : undefined;
    case "context":
      return elements.length > 10 || elements.some((one) => lengthOf(one) > 3000) ? "context" : undefined;
    default:
      return `unknown block ${type}`;
  }
}

function aboutGroup({ type, elements }: Json): string | undefined {
  if (!["rich_text_section", "rich_text_preformatted", "rich_text_quote"].includes(String(type)))
    return `group ${String(type)}`;
  if (!Array.isArray(elements) || elements.length === 0) return "an empty group";
  for (const { type: kind, text, url, user_id: user } of elements) {
    if (kind === "user" && type !== "rich_text_preformatted" && /^[UW][A-Z0-9]+$/.test(user)) continue;
    if (!INLINE.includes(kind)) return `element ${kind}`;
    if (typeof text !== "string" || text === "") return "an element without text";
    if (kind === "link" && !/^(?:https?|mailto):/.test(url)) return `link to ${url}`;
  }
  return undefined;
}

function aboutActions(elements: readonly Json[]): string | undefined {
  if (elements.length < 1 || elements.length > 25) return "actions";
  const ids = elements.map(({ action_id: id }) => id);
  if (new Set(ids).size < ids.length) return "action_id twice";
  for (const { type, text, value, options } of elements) {
    if (type === "button" && (lengthOf(text) < 1 || lengthOf(text) > 75 || String(value).length > 2000))
      return "button";
    if (type !== "static_select") continue;
    if (!Array.isArray(options) || options.length < 1 || options.length > 100) return "options";
    if (
      options.some(
        (one) => lengthOf(one.text) < 1 || lengthOf(one.text) > 75 || String(one.value).length > 150,
      )
    )
      return "option";
  }
  return undefined;
}

/** The length of a text object, or of what has a text. */
function lengthOf(of: unknown): number {
  if (typeof of !== "object" || of === null || !("text" in of)) return 0;
  return typeof of.text === "string" ? of.text.length : lengthOf(of.text);
}
