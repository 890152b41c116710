export type Choice = "auto" | "light" | "dark";

const CHOICES: readonly Choice[] = ["auto", "light", "dark"];
const STORED = "claudeway-theme";

/** Light or dark: the system's choice unless the user picks one. */
class Theme {
  choice = $state<Choice>("auto");
  #system = $state(matchMedia("(prefers-color-scheme: dark)").matches);

  constructor() {
    const stored = localStorage.getItem(STORED);
    this.choice = CHOICES.find((choice) => choice === stored) ?? "auto";
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => {
      this.#system = matches;
    });
    this.#show();
  }

  get dark(): boolean {
    return this.choice === "auto" ? this.#system : this.choice === "dark";
  }

  /** Cycles through auto, light and dark. */
  next(): void {
    this.choice = CHOICES[(CHOICES.indexOf(this.choice) + 1) % CHOICES.length] ?? "auto";
    localStorage.setItem(STORED, this.choice);
    this.#show();
  }

  #show(): void {
    document.documentElement.dataset["theme"] = this.choice;
  }
}

export const theme = new Theme();
