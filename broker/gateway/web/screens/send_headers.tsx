// Headers of a message, one "name: value" a line.
import { useText } from "../lib/text";
import { Field } from "../ui/fields";

// The headers that the text means, undefined for none, null when a line makes no sense.
export function headersOf(text: string): Record<string, string> | undefined | null {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) return undefined;
  const found: [string, string][] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim();
    if (name === "") return null;
    found.push([name, line.slice(colon + 1).trim()]);
  }
  return Object.fromEntries(found);
}

export function Headers({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const t = useText();
  return (
    <Field label={t("send.headers")} note={t("send.headers.note")}
      wrong={headersOf(value) === null ? t("send.headers.wrong") : null}>
      {(props) => <textarea {...props} className="input mono short" name="headers" rows={2} spellCheck={false}
        value={value} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}
