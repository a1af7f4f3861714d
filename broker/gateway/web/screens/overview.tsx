// Overview: the figures and charts of the last minutes, and whether the broker is well.
import { ReactNode, useMemo, useState } from "react";
import { brief, count, joined, microseconds, size, span } from "../lib/format";
import { Point, link, points, status } from "../lib/live";
import { to } from "../lib/route";
import { useStore } from "../lib/store";
import { useText } from "../lib/text";
import { Status, kCasts } from "../lib/types";
import { Segments } from "../ui/fields";
import { Facts } from "../ui/marks";
import { Line, Plot } from "../ui/plot";
import { Empty, Loading } from "../ui/states";

function Tile({ name, value, unit, note }: { name: string; value: string; unit?: string; note?: ReactNode }) {
  return (
    <dl className="card tile">
      <dt>{name}</dt>
      <dd>
        {value}
        {unit && <small>{unit}</small>}
      </dd>
      <dd className="note">{note}</dd>
    </dl>
  );
}

function Tiles({ now }: { now: Status }) {
  const t = useText();
  const { messages, rates, latency_us } = now;
  const [latency, unit] = latency_us.count > 0 ? microseconds(latency_us.p50) : ["–", ""];
  return (
    <div className="tiles">
      <Tile name={t("overview.nodes")} value={count(now.nodes)}
        note={t("overview.nodes.note", { active: count(now.active_nodes), groups: now.groups })} />
      <Tile name={t("overview.in")} value={brief(rates["1s"].messages_in)} unit={t("unit.per_s")}
        note={t("overview.in.note", { n: brief(messages.total) })} />
      <Tile name={t("overview.out")} value={brief(rates["1s"].messages_out)} unit={t("unit.per_s")}
        note={t("overview.out.note", { n: brief(messages.delivered) })} />
      <Tile name={t("overview.queued")} value={brief(messages.queued)} note={joined(size(messages.queued_bytes))} />
      <Tile name={t("overview.latency")} value={latency} unit={unit}
        note={latency_us.count > 0
          ? t("overview.latency.note", { p99: joined(microseconds(latency_us.p99)) })
          : t("overview.latency.none")} />
    </div>
  );
}

function Legend({ lines, last, unit }: { lines: Line[]; last: Point | undefined; unit: (value: number) => string }) {
  return (
    <ul className="legend">
      {lines.map((line) => {
        const value = last ? line.value(last) : null;
        return (
          <li key={line.label}>
            <span className={"key " + (line.hue === "accent" ? "unicast" : line.hue)} />
            {line.label} <b>{value === null ? "–" : unit(value)}</b>
          </li>
        );
      })}
    </ul>
  );
}

interface GraphProps {
  title: string;
  about: string;
  lines: Line[];
  shown: readonly Point[];
  spanS: number;
  unit: (value: number) => string;
}

function Graph({ title, about, lines, shown, spanS, unit }: GraphProps) {
  const last = shown[shown.length - 1];
  return (
    <section className="card">
      <header>
        <h2>{title}</h2>
        <Legend lines={lines} last={last} unit={unit} />
      </header>
      <div className="body">
        <Plot label={about} lines={lines} points={shown} spanS={spanS} unit={unit} />
      </div>
    </section>
  );
}

const perSecond = (value: number): string => brief(value);
const asTime = (value: number): string => joined(microseconds(value));

function Graphs() {
  const t = useText();
  const all = useStore(points);
  const [choice, setChoice] = useState<"2" | "10">("2");
  const spanS = Number(choice) * 60;
  const shown = useMemo(() => {
    const from = all.length > 0 ? all[all.length - 1].at - spanS * 1000 : 0;
    return all.filter((point) => point.at >= from);
  }, [all, spanS]);
  const dashes = { unicast: [], multicast: [6, 3], broadcast: [2, 3] };
  const casts: Line[] = kCasts.map((cast) => (
    { label: t(`cast.${cast}`), hue: cast, dash: dashes[cast], value: (point) => point[cast] }
  ));
  const flow: Line[] = [
    { label: t("overview.chart.in"), hue: "unicast", value: (point) => point.messages_in },
    { label: t("overview.chart.out"), hue: "multicast", dash: [6, 3], value: (point) => point.messages_out },
  ];
  const queue: Line[] = [
    { label: t("overview.chart.waiting"), hue: "accent", fill: true, value: (point) => point.queued },
  ];
  const latency: Line[] = [
    { label: "p50", hue: "unicast", value: (point) => point.p50 },
    { label: "p99", hue: "broadcast", dash: [2, 3], value: (point) => point.p99 },
  ];
  return (
    <>
      <div className="row">
        <h2>{t("overview.charts")}</h2>
        <span className="push" />
        <Segments label={t("overview.span")} name="span" value={choice} onChange={setChoice}
          options={[{ value: "2", label: t("overview.span.2") }, { value: "10", label: t("overview.span.10") }]} />
      </div>
      <div className="pair">
        <Graph title={t("overview.chart.casts")} about={t("overview.chart.casts.about")} lines={casts} shown={shown}
          spanS={spanS} unit={perSecond} />
        <Graph title={t("overview.chart.flow")} about={t("overview.chart.flow.about")} lines={flow} shown={shown}
          spanS={spanS} unit={perSecond} />
        <Graph title={t("overview.chart.queue")} about={t("overview.chart.queue.about")} lines={queue} shown={shown}
          spanS={spanS} unit={perSecond} />
        <Graph title={t("overview.chart.latency")} about={t("overview.chart.latency.about")} lines={latency}
          shown={shown} spanS={spanS} unit={asTime} />
      </div>
    </>
  );
}

function Broker({ now }: { now: Status }) {
  const t = useText();
  const facts: [string, ReactNode][] = [
    [t("broker.version"), now.version],
    [t("broker.uptime"), span(now.uptime_s)],
    [t("broker.connections"), count(now.connections)],
    [t("broker.refused"), count(now.messages.refused)],
    [t("broker.expired"), count(now.messages.expired)],
    [t("broker.redelivered"), count(now.messages.redelivered)],
  ];
  return (
    <section className="card" id="health">
      <header>
        <h2>{t("broker.title")}</h2>
        <span className={"badge push " + (now.status === "ok" ? "good" : "bad")}>
          <span className="dot" />
          {t(now.status === "ok" ? "broker.ok" : "broker.degraded")}
        </span>
      </header>
      <div className="body stack">
        {now.reasons.map((reason) => (
          <p key={reason} className="alert said">{reason}</p>
        ))}
        <Facts facts={facts} />
      </div>
    </section>
  );
}

function Keeping({ now }: { now: Status }) {
  const t = useText();
  const { store, cluster } = now;
  const share = store.budget > 0 ? store.bytes / store.budget : 0;
  const facts: [string, ReactNode][] = [
    [t("store.kind"), store.kind === "memory" ? t("store.memory") : store.kind],
    [t("store.held"), t("store.held.of", { bytes: joined(size(store.bytes)), budget: joined(size(store.budget)) })],
    [t("cluster.title"), t(cluster.enabled ? "cluster.on" : "cluster.off")],
  ];
  return (
    <section className="card">
      <header>
        <h2>{t("store.title")}</h2>
        <span className={"badge push " + (store.healthy ? "good" : "bad")}>
          <span className="dot" />
          {t(store.healthy ? "store.ok" : "store.sick")}
        </span>
      </header>
      <div className="body stack">
        <Facts facts={facts} />
        <div className={"gauge" + (share > 0.9 ? " bad" : "")} role="meter" aria-label={t("store.held")}
          aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
          <div style={{ width: `${Math.min(100, share * 100)}%` }} />
        </div>
      </div>
    </section>
  );
}

export function Overview() {
  const t = useText();
  const now = useStore(status);
  const { state, attempt } = useStore(link);
  if (!now) {
    if (state === "connecting" && attempt === 0) return <Loading />;
    if (state === "open") return <Loading />;
    return <Empty icon="live" title={t("problem.unreachable")}>{t("problem.unreachable.hint")}</Empty>;
  }
  return (
    <>
      <Tiles now={now} />
      {now.nodes === 0 && (
        <section className="card">
          <Empty icon="nodes" title={t("overview.first")}
            action={<a className="button primary" href={to("nodes")}>{t("nodes.create")}</a>}>
            {t("overview.first.hint")}
          </Empty>
        </section>
      )}
      <Graphs />
      <div className="pair">
        <Broker now={now} />
        <Keeping now={now} />
      </div>
    </>
  );
}
