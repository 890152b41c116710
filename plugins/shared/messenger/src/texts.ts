import { de } from "./languages/de.js";
import { en, type TextKey, type Texts } from "./languages/en.js";
import { tr } from "./languages/tr.js";

export type { TextKey } from "./languages/en.js";

export type Values = Readonly<Record<string, string | number>>;
export type Say = (key: TextKey, values?: Values) => string;

/** To add a language: a file like languages/en.ts, a line here, and its name in the plugins' `language`. */
export const LANGUAGES: { readonly en: Texts; readonly tr: Texts; readonly de: Texts } = { en, tr, de };

export type Language = keyof typeof LANGUAGES;

/** The bot's texts in one language, with values that are the same in every text. Plain text: the message escapes it. */
export function textsIn(language: Language, fixed: Values = {}): Say {
  return (key, values = {}) =>
    LANGUAGES[language][key].replace(/\{(\w+)\}/g, (slot, name: string) =>
      String(values[name] ?? fixed[name] ?? slot),
    );
}
