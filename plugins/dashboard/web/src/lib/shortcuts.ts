/** A page of the navigation. */
export interface PageEntry {
  readonly name: string;
  readonly title: string;
}

/** How long after `g` the letter of a page may come. */
const CHORD_MS = 1500;

/** The letter that opens a page after `g`: the first of its title that no earlier page has. */
export function lettersOf(pages: readonly PageEntry[]): ReadonlyMap<string, string> {
  const letters = new Map<string, string>();
  for (const { name, title } of pages) {
    const free = [...title.toLowerCase()].find((letter) => /[a-z]/.test(letter) && !letters.has(letter));
    if (free !== undefined) letters.set(free, name);
  }
  return letters;
}

export interface ShortcutActions {
  /** The letters of pages. */
  readonly letters: () => ReadonlyMap<string, string>;
  readonly go: (page: string) => void;
  readonly palette: () => void;
  readonly help: () => void;
  readonly theme: () => void;
}

/** Handles the keys of the page. Letters do nothing while the user types, or while a dialog is open. */
export function shortcutHandler(actions: ShortcutActions): (event: KeyboardEvent) => void {
  let chordAt = Number.NEGATIVE_INFINITY;
  return (event) => {
    const { key, ctrlKey, metaKey, altKey, timeStamp } = event;
    if ((ctrlKey || metaKey) && !altKey && key.toLowerCase() === "k") {
      event.preventDefault();
      actions.palette();
      return;
    }
    if (ctrlKey || metaKey || altKey || isTyping(event.target) || document.querySelector("dialog[open]"))
      return;
    const page = timeStamp - chordAt < CHORD_MS ? actions.letters().get(key) : undefined;
    chordAt = page === undefined && key === "g" ? timeStamp : Number.NEGATIVE_INFINITY;
    if (page !== undefined) actions.go(page);
    else if (key === "?") actions.help();
    else if (key === "t") actions.theme();
    else return;
    event.preventDefault();
  };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}
