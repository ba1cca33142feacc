/** What a browser remembers of a reader, per service and member. Where storage is forbidden it lasts as long as the page. */

export interface Remembered {
  readonly conversation?: string | null;
  readonly token?: { readonly value: string; readonly expires: number } | null;
}

export class Memory {
  #kept: Remembered = {};
  readonly #key: string;

  constructor(service: string, member: string, private readonly area: Storage | null = localArea()) {
    this.#key = `lianwen:${service}:${member}`;
    this.#kept = this.read();
  }

  read(): Remembered {
    try {
      const text = this.area?.getItem(this.#key);
      const found: unknown = text ? JSON.parse(text) : this.#kept;
      return typeof found === "object" && found !== null ? (found as Remembered) : {};
    } catch {
      return this.#kept; // unreadable or forbidden: the page's own copy counts
    }
  }

  update(change: Partial<Remembered>): void {
    this.#kept = { ...this.read(), ...change };
    try {
      this.area?.setItem(this.#key, JSON.stringify(this.#kept));
    } catch {
      return; // full or forbidden: kept for this page only
    }
  }

  /** Calls back when another tab changed it; returns the way to stop listening. */
  watch(changed: () => void): () => void {
    const listener = (event: StorageEvent): void => {
      if (event.key === this.#key) changed();
    };
    addEventListener("storage", listener);
    return () => removeEventListener("storage", listener);
  }
}

function localArea(): Storage | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null; // a sandboxed frame or blocked cookies: reading the property itself throws
  }
}
