// Live: the messages that pass through the broker now. It is a sample when there are too many, and says so.
import { useEffect, useState } from "react";
import { brief, count } from "../lib/format";
import { Log, clearLog, link, log, paused, setPaused, watchLog } from "../lib/live";
import { useStore } from "../lib/store";
import { useText } from "../lib/text";
import { Cast, LogFilter, kCasts } from "../lib/types";
import { Field } from "../ui/fields";
import { Icon } from "../ui/icons";
import { MessageRow } from "../ui/message";
import { Empty } from "../ui/states";

const kNoFilter: LogFilter = { sender: "", target: "", cast_type: "", message_type: "", text: "" };
const kSettleMs = 300; // of typing, before the filter is sent

function isEmpty(filter: LogFilter): boolean {
  return Object.values(filter).every((value) => value === "");
}

function Filters({ filter, change }: { filter: LogFilter; change: (filter: LogFilter) => void }) {
  const t = useText();
  const text = (name: "sender" | "target" | "message_type" | "text", label: string) => (
    <Field label={label}>
      {(props) => <input {...props} className="input" name={"filter_" + name} value={filter[name]}
        autoComplete="off" autoCapitalize="off" spellCheck={false}
        onChange={(event) => change({ ...filter, [name]: event.target.value })} />}
    </Field>
  );
  return (
    <section className="card" aria-label={t("live.filters")}>
      <div className="body filters">
        {text("sender", t("live.sender"))}
        {text("target", t("live.target"))}
        <Field label={t("send.cast")}>
          {(props) => (
            <select {...props} className="input" name="filter_cast" value={filter.cast_type}
              onChange={(event) => change({ ...filter, cast_type: event.target.value as Cast | "" })}>
              <option value="">{t("live.any")}</option>
              {kCasts.map((cast) => (
                <option key={cast} value={cast}>{t(`cast.${cast}`)}</option>
              ))}
            </select>
          )}
        </Field>
        {text("message_type", t("message.type"))}
        {text("text", t("live.text"))}
      </div>
      <div className="row padded under">
        <span className="note">{t("live.filter.note")}</span>
        {!isEmpty(filter) && (
          <button type="button" className="linky push" onClick={() => change(kNoFilter)}>
            {t("live.filter.clear")}
          </button>
        )}
      </div>
    </section>
  );
}

// How much of what passes is seen here.
function Sampling({ now, holding }: { now: Log; holding: boolean }) {
  const t = useText();
  if (holding) {
    return <span className="badge warn" id="sampling">{t("live.paused", { n: count(now.missed) })}</span>;
  }
  if (now.sampled) {
    return (
      <span className="badge warn" id="sampling" data-sampled="true">
        {t("live.sampled", { shown: count(now.shown), seen: brief(now.seen) })}
      </span>
    );
  }
  return <span className="badge good" id="sampling" data-sampled="false">{t("live.all")}</span>;
}

export function Live() {
  const t = useText();
  const [filter, setFilter] = useState(kNoFilter);
  const now = useStore(log);
  const holding = useStore(paused);
  const open = useStore(link).state === "open";

  useEffect(() => {
    let end: (() => void) | null = null;
    const timer = window.setTimeout(() => (end = watchLog(filter)), isEmpty(filter) ? 0 : kSettleMs);
    return () => {
      clearTimeout(timer);
      end?.();
    };
  }, [filter]);

  return (
    <>
      <Filters filter={filter} change={(changed) => {
        setFilter(changed);
        clearLog();
      }} />
      <div className="row">
        <Sampling now={now} holding={holding} />
        {now.dropped > 0 && <span className="badge warn">{t("live.dropped", { n: count(now.dropped) })}</span>}
        <span className="row tight push">
          <button type="button" className="button" name="pause" aria-pressed={holding}
            onClick={() => setPaused(!holding)}>
            <Icon name={holding ? "play" : "pause"} />
            {t(holding ? "live.resume" : "live.pause")}
          </button>
          <button type="button" className="button" onClick={clearLog} disabled={now.messages.length === 0}>
            {t("live.clear")}
          </button>
        </span>
      </div>
      <section className="card">
        {now.messages.length === 0 ? (
          <Empty icon="live" title={t(open ? "live.none" : "link.lost")}>
            {t(isEmpty(filter) ? "live.none.hint" : "live.none.filtered")}
          </Empty>
        ) : (
          <ol className="log" id="live-log">
            {now.messages.map(({ key, message }) => (
              <MessageRow key={key} message={message} />
            ))}
          </ol>
        )}
      </section>
    </>
  );
}
