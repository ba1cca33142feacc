import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Session } from "../session.js";
import type { Strings } from "../strings.js";
import type { Source } from "../types.js";

export interface RequestTarget {
  /** Id of the record; null where the reader describes the item. */
  readonly record: string | null;
  readonly title: string;
  readonly services: readonly string[];
  readonly holdings: Source["holdings"];
}

/** What every part of the panel may use. */
export interface Surroundings {
  readonly session: Session;
  readonly strings: Strings;
  readonly base: string;
  readonly request: (target: RequestTarget) => void;
  readonly handoff: () => void;
  /** Asks what a button says; the focus goes to the talk, since the button goes away. */
  readonly ask: (question: string) => void;
  readonly again: (turn: string) => void;
}

export const Surrounding = createContext<Surroundings | null>(null);

export function useSurroundings(): Surroundings {
  const found = useContext(Surrounding);
  if (!found) throw new Error("rendered outside the panel");
  return found;
}
