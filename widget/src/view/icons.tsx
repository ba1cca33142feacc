import type { JSX } from "preact";

const PATHS = {
  close: "M6 6l12 12 M18 6L6 18",
  send: "M5 12h13 M12.5 6l6 6-6 6",
  stop: "M7.5 7.5h9v9h-9z",
  fresh: "M12 5v14 M5 12h14",
  again: "M19 12a7 7 0 1 1-2.2-5.1 M19 4v4h-4",
  up: "M8 11v8H5v-8z M8 11l4-6c1.6 0 2.2 1 2 2.3L13.500 10H18c1 0 1.700.9 1.500 1.900l-1.200 5.600c-.2.900-.9 1.500-1.800 1.500H8",
  down: "M8 13V5H5v8z M8 13l4 6c1.600 0 2.200-1 2-2.300L13.500 14H18c1 0 1.700-.9 1.500-1.900l-1.200-5.600C18.100 5.600 17.400 5 16.500 5H8",
  back: "M19 12H6 M11.500 6l-6 6 6 6",
  list: "M5 4h14v16H5z M8.500 8.500h7 M8.500 12h7 M8.500 15.500h4",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M4.500 20c.8-3.500 3.800-5.500 7.500-5.500s6.700 2 7.500 5.500",
  down2: "M6 9.500l6 6 6-6",
  link: "M14 5h5v5 M19 5l-8 8 M16 13v6H5V8h6",
} as const;

export type IconName = keyof typeof PATHS;

/** A line drawing beside words, or inside a button that has its own name: never read aloud. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
