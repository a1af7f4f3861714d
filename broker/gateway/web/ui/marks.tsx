// Small marks that are the same everywhere: the kind of a cast, whether a node is active, names that lead somewhere.
import { ReactNode } from "react";
import { to } from "../lib/route";
import { clock } from "../lib/format";
import { useText } from "../lib/text";
import { Cast } from "../lib/types";

export function CastBadge({ cast }: { cast: Cast }) {
  const t = useText();
  return <span className={"badge " + cast}>{t(`cast.${cast}`)}</span>;
}

export function Activity({ active }: { active: boolean }) {
  const t = useText();
  return (
    <span className={"badge" + (active ? " good" : "")}>
      <span className={"dot" + (active ? "" : " hollow")} />
      {t(active ? "node.active" : "node.waiting")}
    </span>
  );
}

export function NodeLink({ id }: { id: string }) {
  if (id.startsWith("$")) return <span className="mono clip">{id}</span>;
  return (
    <a className="mono clip" href={to("nodes", id)}>
      {id}
    </a>
  );
}

export function GroupLink({ id }: { id: string }) {
  return (
    <a className="mono clip" href={to("groups", id)}>
      {id}
    </a>
  );
}

export function When({ us }: { us: number }) {
  const at = new Date(us / 1000);
  return (
    <time dateTime={at.toISOString()} title={at.toLocaleString()}>
      {clock(at)}
    </time>
  );
}

// Names and values in two columns.
export function Facts({ facts, small }: { facts: [string, ReactNode][]; small?: boolean }) {
  return (
    <dl className={"facts" + (small ? " small" : "")}>
      {facts.map(([name, value], index) => (
        <div key={index} className="fact">
          <dt className="said">{name}</dt>
          <dd dir="auto">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
