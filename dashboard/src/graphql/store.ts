/** What React's useSyncExternalStore reads: a version that grows, and word of it once a frame. */
export class Store {
  version = 0;
  readonly #listeners = new Set<() => void>();
  #scheduled = false;

  readonly getVersion = (): number => this.version;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Tell the listeners before the next paint, or after a pause; a hundred events until then are one word. */
  protected changed(pauseMs = 0): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const tell = (): void => {
      this.#scheduled = false;
      this.version += 1;
      for (const listener of this.#listeners) listener();
    };
    // A hidden page paints no frames.
    if (pauseMs === 0 && document.visibilityState === "visible") requestAnimationFrame(tell);
    else setTimeout(tell, pauseMs || 250);
  }
}
