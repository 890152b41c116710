/** Whether a long text is shown whole. Apart from its component, it stays open when another component shows the text. */
export class Opened {
  open = $state(false);
  /** The whole text, if it was loaded. */
  all: string | undefined = $state.raw();
  /** Why it could not be loaded; "" if it could, or was not asked for. */
  error = $state("");
}
