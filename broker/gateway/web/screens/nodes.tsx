// Nodes: find one, make one, and see at a glance who is there and what waits.
import { useState } from "react";
import { path, post, remove } from "../lib/api";
import { useList } from "../lib/data";
import { count } from "../lib/format";
import { go } from "../lib/route";
import { useText } from "../lib/text";
import { NodeInfo, NodeList } from "../lib/types";
import { FormDialog } from "../ui/dialog";
import { Field, NameField, Search, kName } from "../ui/fields";
import { Icon } from "../ui/icons";
import { Activity, NodeLink } from "../ui/marks";
import { noticeDone } from "../ui/notices";
import { Pager, kPage } from "../ui/pager";
import { Empty, Failure, Loading } from "../ui/states";

const kRefreshMs = 2000;

function portOf(typed: string): number | null {
  if (!/^\d{1,5}$/.test(typed)) return null;
  const port = Number(typed);
  return port <= 65535 ? port : null;
}

export function CreateNode({ onClose }: { onClose: () => void }) {
  const t = useText();
  const [name, setName] = useState("");
  const [wantsPort, setWantsPort] = useState(false);
  const [port, setPort] = useState("0");
  const wrong = portOf(port) === null ? t("nodes.port.wrong") : null;

  async function run() {
    const node = await post<NodeInfo>("/api/nodes", { node_id: name, ...(wantsPort ? { port: portOf(port) } : {}) });
    noticeDone(node.port ? t("nodes.created.port", { name, port: node.port }) : t("nodes.created", { name }));
  }

  return (
    <FormDialog title={t("nodes.create")} action={t("do.create")} onClose={onClose} run={run}
      ready={kName.test(name) && (!wantsPort || !wrong)}>
      <NameField label={t("nodes.name")} name="node_id" note={t("name.note")} value={name} onChange={setName} />
      <label className="check">
        <input type="checkbox" name="wants_port" checked={wantsPort}
          onChange={(event) => setWantsPort(event.target.checked)} />
        {t("nodes.port.wanted")}
      </label>
      {wantsPort && (
        <Field label={t("nodes.port")} note={t("nodes.port.note")} wrong={wrong}>
          {(props) => <input {...props} className="input" name="port" inputMode="numeric" value={port}
            onChange={(event) => setPort(event.target.value.trim())} />}
        </Field>
      )}
    </FormDialog>
  );
}

export function DeleteNode({ node, onClose, onDone }: { node: NodeInfo; onClose: () => void; onDone: () => void }) {
  const t = useText();

  async function run() {
    await remove(path("nodes", node.node_id));
    noticeDone(t("nodes.deleted", { name: node.node_id }));
    onDone();
  }

  return (
    <FormDialog title={t("nodes.delete.title", { name: node.node_id })} action={t("do.delete")} danger onClose={onClose}
      run={run}>
      <p>{node.queued > 0 ? t("nodes.delete.mail", { n: count(node.queued) }) : t("nodes.delete.none")}</p>
      {node.active && <p>{t("nodes.delete.active")}</p>}
    </FormDialog>
  );
}

function Rows({ nodes, onDelete }: { nodes: NodeInfo[]; onDelete: (node: NodeInfo) => void }) {
  const t = useText();
  return (
    <table className="table">
      <thead>
        <tr>
          <th>{t("nodes.name")}</th>
          <th className="fit">{t("nodes.state")}</th>
          <th className="wide">{t("nodes.groups")}</th>
          <th className="num wide">{t("nodes.port.short")}</th>
          <th className="num">{t("nodes.queued")}</th>
          <th className="num wide">{t("nodes.received")}</th>
          <th className="num wide">{t("nodes.sent")}</th>
          <th className="fit">
            <span className="hear">{t("do.delete")}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {nodes.map((node) => (
          <tr key={node.node_id} data-node={node.node_id}>
            <td>
              <div className="clip">
                <NodeLink id={node.node_id} />
              </div>
            </td>
            <td className="fit">
              <Activity active={node.active} />
            </td>
            <td className="wide">
              <div className="clip quiet">{node.groups.join(", ") || "–"}</div>
            </td>
            <td className="num wide">{node.port || "–"}</td>
            <td className="num">{count(node.queued)}</td>
            <td className="num wide">{count(node.received)}</td>
            <td className="num wide">{count(node.sent)}</td>
            <td className="fit">
              <button type="button" className="button plain icon"
                aria-label={t("nodes.delete.title", { name: node.node_id })} onClick={() => onDelete(node)}>
                <Icon name="trash" />
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Nodes() {
  const t = useText();
  const [search, setSearch] = useState("");
  const [creating, setCreating] = useState(false);
  const [doomed, setDoomed] = useState<NodeInfo | null>(null);
  const { list, from, problem, reload, turn } = useList<NodeList>("/api/nodes", search, kPage, kRefreshMs);
  const create = (
    <button type="button" className="button primary" onClick={() => setCreating(true)}>
      <Icon name="plus" />
      {t("nodes.create")}
    </button>
  );
  return (
    <>
      <div className="row">
        <Search value={search} onChange={setSearch} label={t("nodes.search")} />
        {list && <span className="quiet small">{t("nodes.count", { n: list.total, active: count(list.active) })}</span>}
        <span className="push" />
        {create}
      </div>
      {problem && <Failure problem={problem} retry={reload} />}
      <section className="card" hidden={!list && problem !== null}>
        {!list && <Loading />}
        {list && list.nodes.length === 0 && search !== "" && (
          <Empty icon="search" title={t("nodes.none.found", { name: search })}>{t("nodes.none.found.hint")}</Empty>
        )}
        {list && list.nodes.length === 0 && search === "" && (
          <Empty icon="nodes" title={t("nodes.none")} action={create}>{t("nodes.none.hint")}</Empty>
        )}
        {list && list.nodes.length > 0 && <Rows nodes={list.nodes} onDelete={setDoomed} />}
      </section>
      {list && <Pager from={from} shown={list.nodes.length} total={list.total} onMove={turn} />}
      {creating && <CreateNode onClose={() => {
        setCreating(false);
        reload();
      }} />}
      {doomed && <DeleteNode node={doomed} onClose={() => setDoomed(null)} onDone={reload} />}
    </>
  );
}

export function leaveNode(): void {
  go("nodes");
}
