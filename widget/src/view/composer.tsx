import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { useSurroundings } from "./context.js";
import { Icon } from "./icons.js";

interface ComposerProps {
  readonly busy: boolean;
  readonly withLibrarian: boolean;
  readonly send: (text: string) => void;
  readonly stop: () => void;
}

const LONGEST = 2_000;

export function Composer({ busy, withLibrarian, send, stop }: ComposerProps): JSX.Element {
  const { strings } = useSurroundings();
  const [text, setText] = useState("");
  const box = useRef<HTMLTextAreaElement>(null);
  const composing = useRef(false);
  const label = withLibrarian ? strings.toLibrarian : strings.ask;
  useEffect(() => {
    const area = box.current;
    if (!area) return;
    area.style.height = ""; // through the CSSOM, which a content security policy allows
    if (text) area.style.height = `${Math.min(area.scrollHeight, 160)}px`;
  }, [text]);

  function submit(): void {
    const question = text.trim();
    if (question === "" || busy) return;
    setText("");
    send(question);
  }

  function key(event: KeyboardEvent): void {
    // While an input method composes, Enter belongs to it; 229 is what older engines report then.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || composing.current || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  }

  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <label class="hidden" for="question">{label}</label>
      <textarea id="question" ref={box} rows={1} maxLength={LONGEST} value={text} enterkeyhint="send"
        placeholder={withLibrarian ? strings.toLibrarian : strings.placeholder}
        onInput={(event) => setText(event.currentTarget.value)}
        onCompositionStart={() => (composing.current = true)}
        // Safari sends the Enter that ends a composition after compositionend.
        onCompositionEnd={() => setTimeout(() => (composing.current = false), 0)}
        onKeyDown={key} />
      {busy
        ? <button type="button" class="round" aria-label={strings.stop} title={strings.stop} onClick={stop}><Icon name="stop" /></button>
        : <button type="submit" class="round" aria-label={strings.send} title={strings.send} aria-disabled={text.trim() === ""}><Icon name="send" /></button>}
    </form>
  );
}
