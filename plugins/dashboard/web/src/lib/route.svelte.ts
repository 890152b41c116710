/** The current location: `#/sessions/<id>?page=2`. A hash works below any proxy prefix. */
class Route {
  path = $state("");
  query = $state.raw(new URLSearchParams());

  constructor() {
    this.#read();
    window.addEventListener("hashchange", () => this.#read());
  }

  get page(): string {
    return this.path.split("/")[0] || "overview";
  }

  get id(): string | undefined {
    return this.path.split("/")[1];
  }

  /** Changes parameters of the current page; an empty value removes one. The browser's back button undoes it. */
  set(parameters: Readonly<Record<string, string | number>>): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(parameters)) {
      if (value === "") query.delete(name);
      else query.set(name, String(value));
    }
    const text = query.toString();
    location.hash = `#/${this.path}${text === "" ? "" : `?${text}`}`;
  }

  text(name: string): string {
    return this.query.get(name) ?? "";
  }

  number(name: string, standard: number): number {
    const value = Number(this.query.get(name));
    return Number.isInteger(value) && value > 0 ? value : standard;
  }

  #read(): void {
    const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    this.path = path;
    this.query = new URLSearchParams(query);
  }
}

export const route = new Route();
