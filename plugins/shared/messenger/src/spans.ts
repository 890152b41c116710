/** What a piece of text is. Each messenger writes it in its own markup. `user`: a person, as the messenger names them. */
export type Tag =
  | { readonly kind: "bold" | "italic" | "strike" | "code" | "quote" | "user" }
  | { readonly kind: "pre"; readonly language?: string }
  | { readonly kind: "link"; readonly url: string };

/** Text without markup, and the elements that enclose it, outermost first. */
export interface Span {
  readonly text: string;
  readonly tags: readonly Tag[];
}

export const BOLD: Tag = { kind: "bold" };
export const ITALIC: Tag = { kind: "italic" };
export const STRIKE: Tag = { kind: "strike" };
export const CODE: Tag = { kind: "code" };
export const PRE: Tag = { kind: "pre" };
export const QUOTE: Tag = { kind: "quote" };

export function plain(text: string): Span {
  return { text, tags: [] };
}

export function bold(text: string): Span {
  return { text, tags: [BOLD] };
}

export function italic(text: string): Span {
  return { text, tags: [ITALIC] };
}

/** A text of the bot, with the person in it. @param user as the messenger names them */
export function withUser(text: string, user: string | undefined, tags: readonly Tag[] = []): Span[] {
  const at = user === undefined ? -1 : text.indexOf(user);
  if (user === undefined || at < 0) return [{ text, tags }];
  return [
    { text: text.slice(0, at), tags },
    { text: user, tags: [...tags, { kind: "user" }] },
    { text: text.slice(at + user.length), tags },
  ];
}

export function isSameTag(one: Tag | undefined, other: Tag | undefined): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** How many of the outer elements both have. */
export function commonTags(one: readonly Tag[], other: readonly Tag[]): number {
  let same = 0;
  while (same < one.length && same < other.length && isSameTag(one[same], other[same])) same++;
  return same;
}
