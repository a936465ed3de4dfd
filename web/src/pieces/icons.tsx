// All drawn here: 20 px grid, one line width, colour of the text.
import type { ComponentChildren } from "preact";
import type { Severity } from "../contract.gen";
import { severityText } from "../logic/words";

function Drawn({ children, size = 20 }: { children: ComponentChildren; size?: number }) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}
export const Mark = ({ size = 26 }: { size?: number }) => (
  <svg class="mark" width={size} height={size} viewBox="0 0 64 64" aria-hidden="true">
    <path class="mark-body" d="M6 14h13l13 30 13-30h13L38 58H26z" />
    <circle class="mark-eye" cx="32" cy="14.5" r="8.5" />
  </svg>
);
export const Incidents = () => (
  <Drawn>
    <path d="M10 3.2 17.4 16H2.6z" />
    <path d="M10 8.2v3.4M10 13.8v.1" />
  </Drawn>
);
export const Cameras = () => (
  <Drawn>
    <rect x="2.5" y="5.5" width="10.5" height="9" rx="2" />
    <path d="m13 9 4.5-2.5v7L13 11" />
  </Drawn>
);
export const Lab = () => (
  <Drawn>
    <path d="M3 7V4.5A1.5 1.5 0 0 1 4.5 3H7M13 3h2.5A1.5 1.5 0 0 1 17 4.5V7M17 13v2.5a1.5 1.5 0 0 1-1.5 1.5H13M7 17H4.5A1.5 1.5 0 0 1 3 15.5V13" />
    <path d="m7 10.3 2.2 2.2L13.2 8" />
  </Drawn>
);
export const Models = () => (
  <Drawn>
    <path d="M10 2.8 16.5 6.4v7.2L10 17.2 3.5 13.6V6.4z" />
    <path d="M3.7 6.5 10 10.1l6.3-3.6M10 10.1v7" />
  </Drawn>
);
export const Watch = () => (
  <Drawn>
    <path d="M1.9 10S4.9 4.8 10 4.8 18.1 10 18.1 10 15.1 15.2 10 15.2 1.9 10 1.9 10z" />
    <circle cx="10" cy="10" r="2.4" />
  </Drawn>
);
export const Overview = () => (
  <Drawn>
    <path d="M3 17h14M5.5 13.5v-3M10 13.5v-9M14.5 13.5v-6" />
  </Drawn>
);
export const More = () => (
  <Drawn>
    <path d="M4.5 10h.1M10 10h.1M15.5 10h.1" stroke-width="2.6" />
  </Drawn>
);
export const Arrow = () => (
  <Drawn size={16}>
    <path d="M4 10h11M11 6l4 4-4 4" />
  </Drawn>
);
export const Picture = () => (
  <Drawn>
    <rect x="2.8" y="3.8" width="14.4" height="12.4" rx="2" />
    <path d="m3.5 14 4-4 3.2 3 2.3-2 3.5 3" />
    <circle cx="12.8" cy="7.6" r="1.1" />
  </Drawn>
);
export const Download = () => (
  <Drawn size={16}>
    <path d="M10 3.5v9M6 9l4 4 4-4M4 16.5h12" />
  </Drawn>
);
export const Film = () => (
  <Drawn size={16}>
    <rect x="2.5" y="4" width="15" height="12" rx="1.8" />
    <path d="M6 4v12M14 4v12M2.5 8H6M2.5 12H6M14 8h3.5M14 12h3.5" />
  </Drawn>
);
export const Devices = () => (
  <Drawn>
    <rect x="3" y="3.5" width="14" height="5.5" rx="1.5" />
    <rect x="3" y="11" width="14" height="5.5" rx="1.5" />
    <path d="M6 6.2h.1M6 13.7h.1M9 6.2h5M9 13.7h5" />
  </Drawn>
);
export const Deliveries = () => (
  <Drawn>
    <path d="M17.5 2.8 2.5 8.6l6 2.9 2.9 6z" />
    <path d="m8.5 11.5 3.6-3.6" />
  </Drawn>
);
export const Settings = () => (
  <Drawn>
    <path d="M3 6h7M14 6h3M3 14h3M10 14h7" />
    <circle cx="12" cy="6" r="2" />
    <circle cx="8" cy="14" r="2" />
  </Drawn>
);
export const Back = () => (
  <Drawn>
    <path d="M12 4.5 6.5 10l5.5 5.5" />
  </Drawn>
);
export const Down = () => (
  <Drawn size={16}>
    <path d="m5.5 8 4.5 4.5L14.5 8" />
  </Drawn>
);
export const Search = () => (
  <Drawn size={16}>
    <circle cx="9" cy="9" r="5" />
    <path d="m13 13 3.5 3.5" />
  </Drawn>
);
export const Close = () => (
  <Drawn size={16}>
    <path d="m5 5 10 10M15 5 5 15" />
  </Drawn>
);
export const Check = () => (
  <Drawn size={16}>
    <path d="m4 10.5 4 4 8-9" />
  </Drawn>
);
export const Play = () => (
  <Drawn>
    <path d="M6.5 4.5v11l9-5.5z" fill="currentColor" />
  </Drawn>
);
export const Pause = () => (
  <Drawn>
    <path d="M7 5v10M13 5v10" stroke-width="2.5" />
  </Drawn>
);
export const StepBack = () => (
  <Drawn>
    <path d="M12.5 5.5 8 10l4.5 4.5M5.5 5.5v9" />
  </Drawn>
);
export const StepOn = () => (
  <Drawn>
    <path d="M7.5 5.5 12 10l-4.5 4.5M14.5 5.5v9" />
  </Drawn>
);
export const Mail = () => (
  <Drawn size={16}>
    <rect x="2.5" y="4.5" width="15" height="11" rx="1.5" />
    <path d="m3 6 7 5 7-5" />
  </Drawn>
);
export const Hook = () => (
  <Drawn size={16}>
    <path d="M8 11.5a3 3 0 0 0 4.5.3l2.5-2.5a3 3 0 0 0-4.3-4.3l-.9.9M12 8.5a3 3 0 0 0-4.5-.3L5 10.7a3 3 0 0 0 4.3 4.3l.9-.9" />
  </Drawn>
);
export const Plus = () => (
  <Drawn size={16}>
    <path d="M10 4v12M4 10h12" />
  </Drawn>
);
export const Copy = () => (
  <Drawn size={16}>
    <rect x="7" y="7" width="9.5" height="9.5" rx="1.5" />
    <path d="M13 4.5a1.5 1.5 0 0 0-1.5-1.5h-7A1.5 1.5 0 0 0 3 4.5v7A1.5 1.5 0 0 0 4.5 13" />
  </Drawn>
);
export const Keys = () => (
  <Drawn size={16}>
    <rect x="2" y="5" width="16" height="10" rx="2" />
    <path d="M5 8.2h.1M8.3 8.2h.1M11.6 8.2h.1M14.9 8.2h.1M6.5 12h7" />
  </Drawn>
);

const shapes: Record<Severity, ComponentChildren> = {
  critical: <path d="M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2z" />,
  high: <path d="M8 1.400 15.2 14H.8z" />,
  medium: <path d="M8 1.2 14.800 8 8 14.800 1.2 8z" />,
  low: <circle cx="8" cy="8" r="5.5" />,
  info: <circle class="hollow" cx="8" cy="8" r="4.800" />,
};
/** A colour and a shape: eight corners, three, four, round, hollow. */
export function SeverityMark({ of, size = 14 }: { of: Severity; size?: number }) {
  return (
    <svg
      class={`severity severity-${of}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      role="img"
      aria-label={`${severityText[of]} severity`}
    >
      <title>{severityText[of]}</title>
      {shapes[of]}
    </svg>
  );
}
