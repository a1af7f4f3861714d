// When a message is to go: at once, after a while, or at a time of this browser's clock.
import { duration } from "../lib/duration";
import { useText } from "../lib/text";
import { Field, Segments } from "../ui/fields";

export type WhenKind = "now" | "delay" | "at";

export interface WhenDraft {
  when: WhenKind;
  delay: string; // as the API takes it: 10m
  at: string; // as the input gives it: 2030-01-31T14:30
}

function timestamp(at: string): Date | null {
  const time = new Date(at);
  return at === "" || Number.isNaN(time.getTime()) ? null : time;
}

export function whenReady({ when, delay, at }: WhenDraft): boolean {
  return when === "now" || (when === "delay" ? duration(delay) !== null : timestamp(at) !== null);
}

// The members of the request.
export function whenOf({ when, delay, at }: WhenDraft): { delay?: string; at?: number } {
  if (when === "delay") return { delay };
  const time = when === "at" ? timestamp(at) : null;
  return time ? { at: time.getTime() / 1000 } : {};
}

// When that is, if it is later than now: ms since 1970.
export function whenDue({ when, delay, at }: WhenDraft): number | null {
  const due =
    when === "delay" ? Date.now() + (duration(delay) ?? 0) : when === "at" ? timestamp(at)?.getTime() ?? 0 : 0;
  return due > Date.now() ? due : null;
}

// What the field of a time begins with: the next full hour.
export function nextHour(): string {
  const time = new Date(Math.ceil((Date.now() + 60_000) / 3_600_000) * 3_600_000);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function When({ draft, change }: { draft: WhenDraft; change: (part: Partial<WhenDraft>) => void }) {
  const t = useText();
  const choose = (when: WhenKind) => change({ when, ...(when === "at" && draft.at === "" ? { at: nextHour() } : {}) });
  const time = timestamp(draft.at);
  const past = time !== null && time.getTime() < Date.now();
  return (
    <>
      <Segments label={t("send.when")} name="when" wide shown value={draft.when} onChange={choose} options={[
        { value: "now", label: t("send.when.now") },
        { value: "delay", label: t("send.when.delay") },
        { value: "at", label: t("send.when.at") },
      ]} />
      {draft.when === "delay" && (
        <Field label={t("send.delay")} note={t("send.delay.note")}
          wrong={draft.delay !== "" && duration(draft.delay) === null ? t("send.ttl.wrong") : null}>
          {(props) => <input {...props} className="input" name="delay" value={draft.delay} placeholder="10m"
            autoComplete="off" onChange={(event) => change({ delay: event.target.value.trim() })} />}
        </Field>
      )}
      {draft.when === "at" && (
        <Field label={t("send.at")} note={past ? t("send.at.past") : t("send.delay.note")}
          wrong={time === null ? t("send.at.wrong") : null}>
          {(props) => <input {...props} className="input" type="datetime-local" name="at" value={draft.at} step={1}
            onChange={(event) => change({ at: event.target.value })} />}
        </Field>
      )}
    </>
  );
}
