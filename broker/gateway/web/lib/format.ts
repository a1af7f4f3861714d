// Numbers, sizes, spans and times as people of the page's language read them.
import { language } from "./text";

const formats = new Map<string, Intl.NumberFormat>();

function format(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language.get() + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.NumberFormat(language.get(), options)));
  return found;
}

export function count(value: number): string {
  return format({ maximumFractionDigits: 0 }).format(value);
}

// Short for tiles and axes: 1,234 stays, 12,345 becomes 12.3K.
export function brief(value: number): string {
  if (Math.abs(value) < 10_000) return format({ maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0 }).format(value);
  return format({ notation: "compact", maximumFractionDigits: 1 }).format(value);
}

// A quantity as [figure, unit].
export function size(bytes: number): [string, string] {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return [format({ maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0 }).format(value), units[unit]];
}

export function microseconds(value: number): [string, string] {
  const [scaled, unit] = value < 1000 ? [value, "µs"] : value < 1e6 ? [value / 1000, "ms"] : [value / 1e6, "s"];
  return [format({ maximumFractionDigits: scaled < 10 ? 1 : 0 }).format(scaled), unit];
}

export const joined = ([figure, unit]: [string, string]): string => `${figure} ${unit}`;

export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), "day"],
    [Math.floor(whole / 3600) % 24, "hour"],
    [Math.floor(whole / 60) % 60, "minute"],
    [whole % 60, "second"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first < 0 ? 3 : first, (first < 0 ? 3 : first) + 2)
    .filter(([value], index) => index === 0 || value > 0)
    .map(([value, unit]) => format({ style: "unit", unit, unitDisplay: "short" }).format(value))
    .join(" ");
}

const two = (value: number): string => String(value).padStart(2, "0");

// The time of the day where the reader is; with the date when it is not today.
export function clock(at: Date): string {
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === new Date().toDateString()) return time;
  return `${at.toLocaleDateString(language.get(), { month: "short", day: "numeric" })} ${time}`;
}
