/**
 * The little Markdown that answers use, as a tree: paragraphs, lists, bold, code and web links. Nothing here knows of
 * HTML: a tag in the text stays text, and a link leads to http(s) or nowhere, and to where it says.
 */

export type Inline =
  | { readonly kind: "text" | "strong" | "code"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string };

export type Block =
  | { readonly kind: "paragraph"; readonly lines: readonly string[] }
  | { readonly kind: "list"; readonly ordered: boolean; readonly start: number; readonly items: readonly string[] };

const FIRST_MARK = 0xe000;
const MARKS = /[\uE000-\uF8FF]/g;

/** Text with one private-use character set in at each offset, so that markers survive the cutting into blocks. */
export function withMarks(text: string, offsets: readonly number[]): string {
  const clean = text.replace(MARKS, "\uFFFD");
  let marked = "";
  let after = 0;
  offsets.slice(0, 0x1800).forEach((offset, index) => {
    marked += clean.slice(after, offset) + String.fromCharCode(FIRST_MARK + index);
    after = offset;
  });
  return marked + clean.slice(after);
}

/** The pieces between marks: strings, and the index of each mark. */
export function splitMarks(text: string): (string | number)[] {
  const pieces: (string | number)[] = [];
  let after = 0;
  for (const match of text.matchAll(MARKS)) {
    if (match.index > after) pieces.push(text.slice(after, match.index));
    pieces.push(match[0].charCodeAt(0) - FIRST_MARK);
    after = match.index + 1;
  }
  if (after < text.length) pieces.push(text.slice(after));
  return pieces;
}

const BULLET = /^\s{0,3}[-*•·]\s+(.*)$/;
const NUMBERED = /^\s{0,3}(\d{1,4})[.)、．]\s*(.*)$/;

export function blocks(text: string): Block[] {
  const found: Block[] = [];
  let open: { block: Block; add: (line: string) => void } | null = null;
  for (const line of text.split("\n")) {
    if (line.trim() === "") {
      open = null;
      continue;
    }
    const bullet = BULLET.exec(line);
    const numbered = bullet ? null : NUMBERED.exec(line);
    const kind = bullet ? "bullet" : numbered ? "numbered" : "line";
    const content = bullet?.[1] ?? numbered?.[2] ?? line.replace(/^#{1,6}\s+/, "");
    if (!open || kindOf(open.block) !== kind) {
      open = start(kind, Number(numbered?.[1] ?? 1));
      found.push(open.block);
    }
    open.add(content);
  }
  return found;
}

function kindOf(block: Block): string {
  if (block.kind === "paragraph") return "line";
  return block.ordered ? "numbered" : "bullet";
}

function start(kind: string, first: number): { block: Block; add: (line: string) => void } {
  const lines: string[] = [];
  const add = (line: string) => void lines.push(line);
  if (kind === "line") return { block: { kind: "paragraph", lines }, add };
  return { block: { kind: "list", ordered: kind === "numbered", start: first, items: lines }, add };
}

// Bounded repeats, so that no input makes matching slow.
const INLINE = /\*\*([^*\n]{1,400})\*\*|`([^`\n]{1,400})`|\[([^\]\n]{1,200})\]\((https?:\/\/[^\s)]{1,800})\)|(https?:\/\/[^\s<>"'，。；、）》」\]\uE000-\uF8FF]{1,800})/g;

/** `links`: may addresses be links? A link shows where it leads: behind a name stands the host. */
export function inlines(text: string, links: boolean): Inline[] {
  const found: Inline[] = [];
  let after = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > after) found.push({ kind: "text", text: text.slice(after, match.index) });
    found.push(inline(match, links));
    after = match.index + match[0].length;
  }
  if (after < text.length) found.push({ kind: "text", text: text.slice(after) });
  return found;
}

function inline(match: RegExpMatchArray, links: boolean): Inline {
  const [whole, strong, code, label, target, bare] = match;
  if (strong !== undefined) return { kind: "strong", text: strong };
  if (code !== undefined) return { kind: "code", text: code };
  const href = links ? webAddress(target ?? bare ?? "") : null;
  const text = label !== undefined && href ? `${label}（${new URL(href).host}）` : whole;
  return href ? { kind: "link", text, href } : { kind: "text", text: whole };
}

/** The address when it is http(s) or a path of the service itself; null for anything that could run or mislead. */
export function webAddress(address: string | null | undefined, base?: string): string | null {
  if (!address) return null;
  try {
    const url = base ? new URL(address, base) : new URL(address);
    const web = url.protocol === "https:" || url.protocol === "http:";
    return web && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}
