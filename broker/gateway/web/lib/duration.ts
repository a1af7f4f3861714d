// Durations as the broker reads them (libcast/base/duration.hpp): a number, perhaps with a fraction, and a unit;
// without one they are seconds. tests/support/durations.txt has examples that hold here and there.
const kUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const kForm = /^([0-9]*)(?:\.([0-9]+))?(ms|s|m|h|d|)$/;

// Milliseconds, parts of one rounded up; null when it is no duration.
export function duration(text: string): number | null {
  const [, whole = "", fraction = "", unit = ""] = kForm.exec(text) ?? [];
  if (whole + fraction === "") return null;
  const factor = kUnits[unit || "s"];
  let tenths = 0; // of what the digits so far make, from the last one to the first: exact, however many they are
  let more = 0;
  for (const digit of [...fraction].reverse()) {
    tenths += Number(digit) * factor;
    if (tenths % 10 !== 0) more = 1;
    tenths = Math.floor(tenths / 10);
  }
  return Number(whole) * factor + tenths + more;
}
