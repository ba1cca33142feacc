import { Fragment, type ComponentChildren, type JSX } from "preact";

import { blocks, inlines, splitMarks, withMarks, type Block } from "../markdown.js";

interface MarkupProps {
  readonly text: string;
  /** Offsets into `text` at which `mark(index)` is set. */
  readonly marks: readonly number[];
  readonly mark: (index: number) => ComponentChildren;
  /** May addresses in the text be links? */
  readonly links: boolean;
}

/** An answer's text as elements; every character of it ends up as a text node. */
export function Markup({ text, marks, mark, links }: MarkupProps): JSX.Element {
  const line = (content: string): ComponentChildren => inlines(content, links).map((piece, index) => inline(piece, index, mark));
  return <>{blocks(withMarks(text, marks)).map((block, index) => <Fragment key={index}>{drawn(block, line)}</Fragment>)}</>;
}

function drawn(block: Block, line: (content: string) => ComponentChildren): JSX.Element {
  if (block.kind === "paragraph") {
    return <p>{block.lines.map((content, index) => <Fragment key={index}>{index > 0 && <br />}{line(content)}</Fragment>)}</p>;
  }
  const items = block.items.map((content, index) => <li key={index}>{line(content)}</li>);
  return block.ordered ? <ol start={block.start}>{items}</ol> : <ul>{items}</ul>;
}

function inline(piece: ReturnType<typeof inlines>[number], key: number, mark: MarkupProps["mark"]): JSX.Element {
  const content = splitMarks(piece.text).map((part) => (typeof part === "number" ? mark(part) : part));
  if (piece.kind === "strong") return <strong key={key}>{content}</strong>;
  if (piece.kind === "code") return <code key={key}>{content}</code>;
  if (piece.kind === "link") return <a key={key} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">{content}</a>;
  return <Fragment key={key}>{content}</Fragment>;
}
