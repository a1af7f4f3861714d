// Events: who came and went, the newest first.
import { useState } from "react";
import { events } from "../lib/live";
import { useStore } from "../lib/store";
import { sayEvent, useText } from "../lib/text";
import { Presence } from "../lib/types";
import { Search, Segments } from "../ui/fields";
import { GroupLink, NodeLink, When } from "../ui/marks";
import { Empty } from "../ui/states";

type Kind = "all" | "presence" | "groups" | "life";

const kinds: Partial<Record<string, Kind>> = {
  online: "presence",
  offline: "presence",
  joined: "groups",
  left: "groups",
  created: "life",
  deleted: "life",
};
const levels: Partial<Record<string, string>> = {
  online: "good",
  offline: "warn",
  deleted: "bad",
  store_failed: "bad",
  store_slow: "warn",
  store_well: "good",
  unreadable: "bad",
  readable: "good",
};

function Row({ event }: { event: Presence }) {
  const t = useText();
  return (
    <li>
      <When us={event.time_us} />
      <span>
        <span className={"badge " + (levels[event.event] ?? "")}>{sayEvent(event.event)}</span>
      </span>
      <span className="row tight grow">
        {event.node && <NodeLink id={event.node} />}
        {event.group && <span className="quiet">{t("event.group")}</span>}
        {event.group && <GroupLink id={event.group} />}
        {event.port !== undefined && <span className="quiet">{t("event.port", { n: event.port })}</span>}
        {event.text && <span className="quiet said" dir="auto">{event.text}</span>}
      </span>
    </li>
  );
}

export function Events() {
  const t = useText();
  const [kind, setKind] = useState<Kind>("all");
  const [search, setSearch] = useState("");
  const all = useStore(events);
  const wanted = search.trim().toLowerCase();
  const shown = all.filter((event) => (kind === "all" || kinds[event.event] === kind) &&
    (wanted === "" || `${event.node ?? ""} ${event.group ?? ""}`.toLowerCase().includes(wanted)));
  return (
    <>
      <div className="row">
        <Search value={search} onChange={setSearch} label={t("events.search")} />
        <Segments label={t("events.kind")} name="kind" value={kind} onChange={setKind} options={[
          { value: "all", label: t("events.all") },
          { value: "presence", label: t("events.presence") },
          { value: "groups", label: t("nav.groups") },
          { value: "life", label: t("events.life") },
        ]} />
      </div>
      <section className="card">
        {shown.length === 0 ? (
          <Empty icon="events" title={t(all.length === 0 ? "events.none" : "events.none.found")}>
            {t(all.length === 0 ? "events.none.hint" : "nodes.none.found.hint")}
          </Empty>
        ) : (
          <ol className="log" id="events-log">
            {shown.map((event) => (
              <Row key={`${event.time_us}:${event.event}:${event.node}:${event.group}`} event={event} />
            ))}
          </ol>
        )}
      </section>
    </>
  );
}
