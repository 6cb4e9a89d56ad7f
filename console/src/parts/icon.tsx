const PATHS = {
  home: "M3 11.5 12 4l9 7.500V20h-6v-6H9v6H3z",
  live: "M4 12h3l3-8 4 16 3-8h3",
  events: "M4 6h16M4 12h16M4 18h10",
  endpoints: "M5 12h6m0 0 7-6m-7 6 7 6M5 12a2 2 0 1 1-4 0 2 2 0 0 1 4 0m17-7a2 2 0 1 1-4 0 2 2 0 0 1 4 0m0 14a2 2 0 1 1-4 0 2 2 0 0 1 4 0",
  filters: "M3 5h18l-7 8v6l-4 2v-8z",
  deliveries: "m3 7 9-4 9 4v10l-9 4-9-4zm0 0 9 4 9-4M12 11v10",
  changes: "M12 7v5l3 2M3.500 12a8.500 8.500 0 1 0 2.800-6.300L3 8.500M3 4v4.500h4.500",
  settings: "M4 7h10m4 0h2M4 17h2m4 0h10M16 7a2 2 0 1 1-4 0 2 2 0 0 1 4 0M10 17a2 2 0 1 1-4 0 2 2 0 0 1 4 0",
  menu: "M4 6h16M4 12h16M4 18h16",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "m5 12.500 4.500 4.500L19 7.500",
  cross: "M7 7l10 10M17 7 7 17",
  clock: "M12 7v5l3.500 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.500 19 12 7 19.500z",
  warn: "M12 4 2.500 20h19zM12 10v4.500m0 2.500v.1",
  info: "M12 11v5m0-8v.1M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0",
  down: "m6 9 6 6 6-6",
  minus: "M5 12h14",
  plus: "M12 5v14M5 12h14",
  code: "m8 7-5 5 5 5m8-10 5 5-5 5M14 4l-4 16",
  retry: "M4 4v5h5M4.600 9A8 8 0 1 1 4 13.500",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5m4-5v5",
  eye: "M2 12s3.500-7 10-7 10 7 10 7-3.500 7-10 7S2 12 2 12m13 0a3 3 0 1 1-6 0 3 3 0 0 1 6 0",
  send: "M21 3 10 14M21 3l-7 18-4-7-7-4z",
  search: "m21 21-4.500-4.500M18 11a7 7 0 1 1-14 0 7 7 0 0 1 14 0",
  off: "M6 6l12 12M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0",
  out: "M10 4H5v16h5M14 8l4 4-4 4M8 12h10",
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside a word: screen readers read the word. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#4650dd" />
      <path d="M8 16h7m0 0 8-6m-8 6 8 6" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round" />
      <circle cx="8" cy="16" r="2.6" fill="#fff" />
      <circle cx="24" cy="9.5" r="2.6" fill="#9be7c4" />
      <circle cx="24" cy="22.5" r="2.6" fill="#fff" />
    </svg>
  );
}
