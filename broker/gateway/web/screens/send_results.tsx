// What became of the last sends of this page: for every recipient whether the broker holds the message for it.
import { clock, joined, microseconds, size } from "../lib/format";
import { to } from "../lib/route";
import { sayCode, useText } from "../lib/text";
import { Cast, Outcome } from "../lib/types";
import { CastBadge, Facts, NodeLink } from "../ui/marks";
import { Empty } from "../ui/states";

export interface Sent {
  key: number;
  at: number;
  cast: Cast;
  whom: string;
  due: number | null; // when it is to go, ms; null: it went at once
  outcome: Outcome;
}

const kShown = 50;

function Recipients({ outcome }: { outcome: Outcome }) {
  const t = useText();
  const good = (outcome.recipients ?? []).filter((one) => one.success);
  const bad = outcome.failed_recipients ?? [];
  return (
    <ul className="outcomes">
      {bad.slice(0, kShown).map((one) => (
        <li key={one.node_id} data-recipient={one.node_id} data-code={one.code}>
          <span className="row tight">
            <NodeLink id={one.node_id} />
            <span className="badge bad push">{one.code}</span>
          </span>
          <span className="note said">{sayCode(one.code) ?? one.reason}</span>
        </li>
      ))}
      {good.slice(0, kShown).map((one) => (
        <li key={one.node_id} data-recipient={one.node_id} data-code="ok">
          <span className="row tight">
            <NodeLink id={one.node_id} />
            <span className="badge good push">{t("send.held")}</span>
          </span>
        </li>
      ))}
      {good.length + bad.length > 2 * kShown && (
        <li className="note">{t("groups.others", { n: good.length + bad.length - 2 * kShown })}</li>
      )}
    </ul>
  );
}

function Result({ sent }: { sent: Sent }) {
  const t = useText();
  const { outcome, cast } = sent;
  const failed = outcome.failed_recipients?.length ?? 0;
  const level = !outcome.success ? "bad" : failed > 0 ? "warn" : "good";
  const facts: [string, string][] = [
    [t("message.id"), outcome.id ?? outcome.transfer_id ?? "–"],
    [t("send.took"), joined(microseconds(outcome.delivery_time * 1e6))],
  ];
  if (outcome.filename) facts.push([t("send.type.file"), `${outcome.filename} (${joined(size(outcome.bytes ?? 0))})`]);
  if (outcome.sha256) facts.push(["SHA-256", outcome.sha256]);
  return (
    <li className="stack tight result" data-success={outcome.success}>
      <div className="row tight">
        <span className={"badge " + level}>
          <span className="dot" />
          {outcome.success && sent.due !== null
            ? t("send.scheduled", { when: clock(new Date(sent.due)) })
            : outcome.success ? t("send.done", { n: outcome.recipients_count }) : t("send.failed")}
        </span>
        <CastBadge cast={cast} />
        <time className="quiet small push">{clock(new Date(sent.at))}</time>
      </div>
      {cast !== "unicast" && outcome.success && (
        <p className="small quiet said">
          {t(`send.reached.${cast}`, { n: outcome.recipients_count, group: sent.whom })}
        </p>
      )}
      {!outcome.success && failed === 0 && <p className="note bad said">{outcome.hint || outcome.message}</p>}
      {outcome.success && sent.due !== null && <a className="small" href={to("later")}>{t("nav.later")}</a>}
      <Recipients outcome={outcome} />
      <Facts facts={facts} small />
    </li>
  );
}

export function Results({ results }: { results: Sent[] }) {
  const t = useText();
  return (
    <section className="card" aria-live="polite" id="results">
      <header>
        <h2>{t("send.results")}</h2>
      </header>
      {results.length === 0 ? (
        <Empty icon="send" title={t("send.results.none")}>{t("send.results.none.hint")}</Empty>
      ) : (
        <ol>
          {results.map((sent) => (
            <Result key={sent.key} sent={sent} />
          ))}
        </ol>
      )}
    </section>
  );
}
