// The line icons, drawn on a grid of 16. They only accompany words or stand in a button that has a label.
const paths = {
  overview: "M2 13V9M6 13V3M10 13V7M14 13V5",
  nodes: "M8 5.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM3.5 14.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z" +
    "M12.5 14.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM7 5.2 4.6 10.6M9 5.2l2.4 5.4",
  groups: "M5.5 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM1 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4" +
    "M11 3a2.5 2.5 0 0 1 0 4.5M12.5 9.8c1.5.5 2.5 1.8 2.5 3.7",
  send: "M14.5 1.5 7 9M14.5 1.5l-4.5 13L7 9 1.5 6l13-4.5Z",
  live: "M1 8h3l2-5.5L10 13l2-5h3",
  events: "M8 1.5a4.5 4.5 0 0 0-4.5 4.5c0 4.5-2 5.5-2 5.5h13s-2-1-2-5.5A4.5 4.5 0 0 0 8 1.5ZM6.5 14a1.8 1.8 0 0 0 3 0",
  later: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM8 4.5V8l2.5 1.5",
  dead: "M2 9.5 4 3h8l2 6.5M2 9.5V13h12V9.5M2 9.5h3.5l1 1.5h3l1-1.5H14",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM14 14l-3.4-3.4",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  trash: "M2.5 4h11M6 4V2.5h4V4M4 4l.7 9.5h6.6L12 4",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z",
  pause: "M5.5 3v10M10.5 3v10",
  play: "M4.5 2.5v11l9-5.5-9-5.5Z",
  file: "M9 1.5H4v13h8v-10L9 1.5ZM9 1.5v3h3",
  back: "M10 3 5 8l5 5",
  forward: "M6 3l5 5-5 5",
  retry: "M13.5 8a5.5 5.5 0 1 1-1.8-4.1M13.5 1.5v3h-3",
  leave: "M6 2.5H3v11h3M10 5l3 3-3 3M13 8H6.5",
};

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor"
      strokeWidth={name === "more" ? 2.5 : 1.5} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true"
      focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

// The mark of the product: one point, three rings that it reaches.
export function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 22 22" fill="none" stroke="currentColor" strokeWidth="2"
      strokeLinecap="round" aria-hidden="true" focusable="false">
      <circle cx="5" cy="17" r="2" fill="currentColor" />
      <path d="M5 11a6 6 0 0 1 6 6M5 6.5A10.5 10.5 0 0 1 15.5 17M5 2a15 15 0 0 1 15 15" />
    </svg>
  );
}
