// Send: a message or a file to nodes, a group or all, and what became of it for each recipient.
import { FormEvent, KeyboardEvent, useState } from "react";
import { Problem, send, sendFile } from "../lib/api";
import { useData, useNodeNames } from "../lib/data";
import { duration } from "../lib/duration";
import { hello } from "../lib/live";
import { route } from "../lib/route";
import { remember, remembered, useStore } from "../lib/store";
import { useText } from "../lib/text";
import { Cast, GroupInfo, Outcome, SendRequest, kCasts } from "../lib/types";
import { Chips } from "../ui/chips";
import { Field, NameField, Segments, kName } from "../ui/fields";
import { Icon } from "../ui/icons";
import { Failure } from "../ui/states";
import { FileField } from "./send_file";
import { Headers, headersOf } from "./send_headers";
import { Results, Sent } from "./send_results";
import { When, WhenDraft, whenDue, whenOf, whenReady } from "./send_when";

type Kind = "text" | "json" | "file";

const kResultsKept = 20;
const kPriorities = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0];

interface Draft extends WhenDraft {
  cast: Cast;
  sender: string;
  recipients: string[];
  group: string;
  kind: Kind;
  text: string;
  json: string;
  priority: number;
  ttl: string;
  headers: string;
}

// "#/send/alice" and "#/send/group/team" come with the target filled in.
function firstDraft(): Draft {
  const [, first, second] = route.get();
  const group = first === "group" && second ? second : "";
  return {
    cast: group ? "multicast" : "unicast",
    sender: remembered("sender") ?? "",
    recipients: first && !group ? [first] : [],
    group,
    kind: "text",
    text: "",
    json: '{\n  \n}',
    priority: 4,
    ttl: "",
    headers: "",
    when: "now",
    delay: "",
    at: "",
  };
}

function jsonProblem(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function requestOf(draft: Draft): SendRequest {
  return {
    cast_type: draft.cast,
    message_type: draft.kind,
    content: draft.kind === "json" ? JSON.parse(draft.json) : draft.text,
    sender: draft.sender || undefined,
    recipients: draft.cast === "unicast" ? draft.recipients : undefined,
    group_id: draft.cast === "multicast" ? draft.group : undefined,
    priority: draft.priority,
    ttl: draft.ttl || undefined,
    headers: headersOf(draft.headers) ?? undefined,
    ...whenOf(draft),
  };
}

function isReady(draft: Draft, file: File | null): boolean {
  const named = draft.sender === "" || kName.test(draft.sender);
  const addressed = draft.cast === "broadcast" ||
    (draft.cast === "unicast" ? draft.recipients.length > 0 : kName.test(draft.group));
  const filled = draft.kind === "file" ? file !== null :
    draft.kind === "text" ? draft.text !== "" : jsonProblem(draft.json) === null;
  const timed = draft.kind === "file" || whenReady(draft);
  return named && addressed && filled && timed && (draft.ttl === "" || duration(draft.ttl) !== null) &&
    headersOf(draft.headers) !== null;
}

function whom(draft: Draft): string {
  return draft.cast === "unicast" ? draft.recipients.join(", ") : draft.cast === "multicast" ? draft.group : "";
}

// What is under way, and what came of it.
function useSending() {
  const [results, setResults] = useState<Sent[]>([]);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [progress, setProgress] = useState<number | null>(null); // bytes of the file so far
  const [busy, setBusy] = useState<AbortController | null>(null);

  async function run(draft: Draft, file: File | null): Promise<boolean> {
    const stop = new AbortController();
    setBusy(stop);
    setProblem(null);
    setProgress(draft.kind === "file" ? 0 : null);
    try {
      const request = requestOf({ ...draft, json: draft.kind === "json" ? draft.json : "null" });
      const outcome: Outcome = draft.kind === "file" && file
        ? await sendFile(file, request, setProgress, stop.signal)
        : await send(request);
      const due = draft.kind === "file" ? null : whenDue(draft);
      const sent: Sent = {
        key: Date.now() + Math.random(), at: Date.now(), cast: draft.cast, whom: whom(draft), due, outcome,
      };
      setResults((all) => [sent, ...all].slice(0, kResultsKept));
      return outcome.success;
    } catch (error) {
      setProblem(Problem.of(error));
      return false;
    } finally {
      setBusy(null);
      setProgress(null);
    }
  }
  return { results, problem, progress, busy, run };
}

interface PartProps {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
}

function Address({ draft, change }: PartProps) {
  const t = useText();
  const names = useNodeNames();
  const groups = useData<{ groups: GroupInfo[] }>("/api/groups").data?.groups ?? [];
  return (
    <>
      <Segments label={t("send.cast")} name="cast_type" wide shown value={draft.cast}
        onChange={(cast) => change({ cast })}
        options={kCasts.map((cast) => ({ value: cast, label: t(`cast.${cast}`) }))} />
      <p className="note">{t(`send.cast.${draft.cast}`)}</p>
      <NameField label={t("send.sender")} name="sender" optional note={t("send.sender.note")} value={draft.sender}
        onChange={(sender) => change({ sender })} list={names} />
      {draft.cast === "unicast" && (
        <Chips label={t("send.recipients")} name="recipients" note={t("send.recipients.note")} values={draft.recipients}
          onChange={(recipients) => change({ recipients })} list={names} />
      )}
      {draft.cast === "multicast" && (
        <NameField label={t("send.group")} name="group_id" note={groups.length === 0 ? t("send.group.none") : undefined}
          value={draft.group}
          onChange={(group) => change({ group })} list={groups.map((group) => group.group_id)} />
      )}
    </>
  );
}

interface ContentProps extends PartProps {
  file: File | null;
  setFile: (file: File | null) => void;
}

function Content({ draft, change, file, setFile }: ContentProps) {
  const t = useText();
  const most = useStore(hello)?.max_message;
  const wrong = draft.kind === "json" ? jsonProblem(draft.json) : null;
  return (
    <>
      <Segments label={t("send.type")} name="message_type" wide shown value={draft.kind}
        onChange={(kind) => change({ kind })} options={[
        { value: "text", label: t("send.type.text") },
        { value: "json", label: "JSON" },
        { value: "file", label: t("send.type.file") },
      ]} />
      {draft.kind === "text" && (
        <Field label={t("send.content")}>
          {(props) => <textarea {...props} className="input" name="content" dir="auto" rows={6} value={draft.text}
            onChange={(event) => change({ text: event.target.value })} />}
        </Field>
      )}
      {draft.kind === "json" && (
        <Field label={t("send.content")} wrong={wrong ? t("send.json.wrong", { why: wrong }) : null}>
          {(props) => <textarea {...props} className="input mono" name="json" rows={8} spellCheck={false}
            value={draft.json} onChange={(event) => change({ json: event.target.value })} />}
        </Field>
      )}
      {draft.kind === "file" && <FileField file={file} onChange={setFile} />}
      {draft.kind !== "file" && most !== undefined && new Blob([draft.text]).size > most && (
        <p className="note bad">{t("send.too_large")}</p>
      )}
    </>
  );
}

function Options({ draft, change }: PartProps) {
  const t = useText();
  const [open, setOpen] = useState(false);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("send.options")}</summary>
      <div className="stack options">
        <div className="halves">
          <Field label={t("message.priority")} note={t("send.priority.note")}>
            {(props) => (
              <select {...props} className="input" name="priority" value={draft.priority}
                onChange={(event) => change({ priority: Number(event.target.value) })}>
                {kPriorities.map((value) => (
                  <option key={value} value={value}>
                    {value === 9 || value === 4 || value === 0 ? `${value} · ${t(`send.priority.${value}`)}` : value}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label={t("send.ttl")} note={t("send.ttl.note")}
            wrong={draft.ttl !== "" && duration(draft.ttl) === null ? t("send.ttl.wrong") : null}>
            {(props) => <input {...props} className="input" name="ttl" placeholder={t("send.ttl.none")}
              value={draft.ttl} autoComplete="off" onChange={(event) => change({ ttl: event.target.value.trim() })} />}
          </Field>
        </div>
        <Headers value={draft.headers} onChange={(headers) => change({ headers })} />
      </div>
    </details>
  );
}

export function Send() {
  const t = useText();
  const [draft, setDraft] = useState(firstDraft);
  const [file, setFile] = useState<File | null>(null);
  const { results, problem, progress, busy, run } = useSending();
  const change = (part: Partial<Draft>) => setDraft((last) => ({ ...last, ...part }));
  const ready = isReady(draft, file) && !busy;

  async function submit(event?: FormEvent) {
    event?.preventDefault();
    if (!ready) return;
    remember("sender", draft.sender);
    if ((await run(draft, file)) && draft.kind === "text") change({ text: "" });
  }

  function press(event: KeyboardEvent) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit();
  }

  return (
    <div className="sides">
      <form className="card" onSubmit={submit} onKeyDown={press} noValidate>
        <div className="body stack">
          <Address draft={draft} change={change} />
          <Content draft={draft} change={change} file={file} setFile={setFile} />
          {draft.kind !== "file" && <When draft={draft} change={change} />}
          {draft.kind !== "file" && <Options draft={draft} change={change} />}
          {problem && <Failure problem={problem} />}
          {progress !== null && file && (
            <progress className="progress" max={Math.max(1, file.size)} value={progress}
              aria-label={t("send.progress")} />
          )}
          <div className="row">
            <span className="note">{t("send.shortcut")}</span>
            <span className="push" />
            {busy && draft.kind === "file" && (
              <button type="button" className="button" onClick={() => busy.abort()}>
                {t("do.stop")}
              </button>
            )}
            <button type="submit" className="button primary" name="send" disabled={!ready}>
              <Icon name="send" />
              {busy ? t("send.busy") : t("do.send")}
            </button>
          </div>
        </div>
      </form>
      <Results results={results} />
    </div>
  );
}
