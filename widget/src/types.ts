/** The JSON of the service as the widget reads it. Optional fields are the ones a server may leave out. */

export interface Holding {
  readonly member: string;
  readonly member_name?: string;
  readonly call_number?: string | null;
  readonly location?: string | null;
  readonly available?: number | boolean | null;
  readonly loanable?: boolean;
  readonly copyable?: boolean;
}

export interface Source {
  readonly n: number;
  readonly id: string;
  readonly source_id?: string;
  readonly collection?: string;
  readonly kind?: string;
  readonly title: string;
  readonly url?: string | null;
  readonly creators?: readonly string[];
  readonly year?: number | null;
  readonly holdings?: readonly Holding[] | null;
}

export interface Citation {
  readonly source: number;
  readonly quote: string;
  /** Where in the source, as a person would look it up: 第 12 页, 4.3 条. */
  readonly locator?: string | null;
  readonly start: number;
  readonly end: number;
}

export interface Sentence {
  readonly text: string;
  readonly citations: readonly Citation[];
}

export interface Action {
  readonly kind: string;
  readonly label: string;
  readonly url?: string | null;
  readonly record_id?: string | null;
  readonly services?: readonly string[] | null;
  readonly title?: string | null;
}

export interface Turn {
  readonly id: string;
  readonly conversation_id: string;
  readonly question: string;
  readonly intent?: string;
  readonly mode?: string;
  readonly refused: boolean;
  readonly reason?: string | null;
  readonly text: string;
  readonly sentences: readonly Sentence[];
  readonly sources: readonly Source[];
  readonly actions: readonly Action[];
  readonly suggestions: readonly string[];
}

export interface HistoryStep {
  readonly at: string;
  readonly state?: string;
  readonly state_label?: string;
  readonly text?: string;
}

export interface DeliveryRequest {
  readonly number: string;
  readonly state: string;
  readonly state_label?: string;
  readonly title?: string;
  readonly service?: string;
  readonly next_step?: string | null;
  readonly supplier?: { readonly code?: string; readonly name?: string } | string | null;
  readonly message?: string;
  readonly can_cancel?: boolean;
  /** What the reader may do now. `needs` names what the action asks for besides. */
  readonly actions?: readonly { readonly name: string; readonly label: string; readonly needs?: readonly string[]; readonly danger?: boolean }[];
  readonly version?: number;
  readonly history?: readonly HistoryStep[];
  readonly download?: { readonly url: string; readonly expires_at?: string; readonly remaining?: number } | null;
  readonly due?: string | null;
  readonly needed_by?: string | null;
  readonly pickup?: string;
  readonly pages?: string;
  readonly citation?: string;
  readonly matched?: string;
  /** The request is closed and still keeps who asked. */
  readonly can_erase?: boolean;
}

/** What a request would mean, before it is sent. */
export interface Quote {
  readonly title: string;
  readonly record_id?: string | null;
  readonly matched?: string;
  readonly understood?: readonly { readonly field: string; readonly label: string; readonly value: string }[];
  readonly candidates?: readonly { readonly record_id: string; readonly title: string; readonly creators?: readonly string[]; readonly year?: number | null }[];
  readonly pages?: number | null;
  readonly pages_left?: number | null;
  readonly conditions: readonly string[];
}

export interface QuoteDraft {
  readonly record_id?: string;
  readonly citation?: string;
  readonly service: string;
  readonly pages?: string;
  readonly contact?: string;
}

/** Something happened to a request; told once. */
export interface Notice {
  readonly number: string;
  readonly subject: string;
  readonly text?: string;
  readonly at?: string;
}

export interface RequestDraft {
  /** One of the two: a record of the catalogue, or the reader's own description. */
  readonly record_id?: string;
  readonly citation?: string;
  readonly service: string;
  readonly patron: { readonly name: string; readonly contact: string };
  readonly pages?: string;
  readonly needed_by?: string;
  readonly pickup?: string;
  readonly delivery?: string;
  readonly note?: string;
}

export interface Message {
  readonly id: string;
  readonly author: string;
  readonly name?: string | null;
  readonly text: string;
  readonly at?: string;
}

export interface Handoff {
  readonly state: string;
  readonly opened_at?: string | null;
  readonly position?: number | null;
  readonly librarian?: string | null;
  readonly messages?: readonly Message[];
}

export interface Conversation {
  readonly id: string;
  readonly turns: readonly Turn[];
  /** The last question when it has no answer: still being answered, or failed. */
  readonly open?: { readonly id: string; readonly question: string; readonly state: string } | null;
  readonly feedback?: Readonly<Record<string, boolean>>;
  readonly times?: Readonly<Record<string, string>>;
  readonly handoff?: Handoff | null;
}
