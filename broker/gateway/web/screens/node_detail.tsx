// One node: its figures, port and groups, what it was sent, what waits for it, and a way to be it.
import { useState } from "react";
import { path, post, query, remove } from "../lib/api";
import { useData } from "../lib/data";
import { count, joined, size } from "../lib/format";
import { go, to } from "../lib/route";
import { useText } from "../lib/text";
import { GroupInfo, MessagePage, NodeInfo } from "../lib/types";
import { FormDialog } from "../ui/dialog";
import { NameField, Segments, kName } from "../ui/fields";
import { Icon } from "../ui/icons";
import { Activity, Facts, GroupLink } from "../ui/marks";
import { MessageRow, keyOf } from "../ui/message";
import { MessageLog } from "../ui/message_log";
import { noticeDone, noticeFailed } from "../ui/notices";
import { Empty, Failure, Loading } from "../ui/states";
import { Console } from "./console";
import { DeleteNode } from "./nodes";

const kRefreshMs = 1500;

function JoinGroup({ id, onClose }: { id: string; onClose: () => void }) {
  const t = useText();
  const [group, setGroup] = useState("");
  const groups = useData<{ groups: GroupInfo[] }>("/api/groups").data?.groups ?? [];
  const run = async () => {
    await post(path("groups", group, "members"), { nodes: [id] });
    noticeDone(t("groups.joined", { name: id, group }));
  };
  return (
    <FormDialog title={t("node.join.title", { name: id })} action={t("do.join")} onClose={onClose} run={run}
      ready={kName.test(group)}>
      <NameField label={t("groups.name")} name="group_id" note={t("node.join.note")} value={group} onChange={setGroup}
        list={groups.map((one) => one.group_id)} />
    </FormDialog>
  );
}

function Groups({ node, reload }: { node: NodeInfo; reload: () => void }) {
  const t = useText();
  const [joining, setJoining] = useState(false);

  async function leave(group: string) {
    try {
      await remove(path("groups", group, "members", node.node_id));
      noticeDone(t("groups.left", { name: node.node_id, group }));
    } catch (error) {
      noticeFailed(error);
    }
    reload();
  }

  return (
    <section className="card">
      <header>
        <h2>{t("nodes.groups")}</h2>
        <button type="button" className="button plain push" onClick={() => setJoining(true)}>
          <Icon name="plus" />
          {t("do.join")}
        </button>
      </header>
      <div className="body row tight">
        {node.groups.length === 0 && <p className="quiet small">{t("node.no_groups")}</p>}
        {node.groups.map((group) => (
          <span key={group} className="chip">
            <GroupLink id={group} />
            <button type="button" aria-label={t("node.leave", { group })} onClick={() => leave(group)}>
              <Icon name="close" size={12} />
            </button>
          </span>
        ))}
      </div>
      {joining && <JoinGroup id={node.node_id} onClose={() => {
        setJoining(false);
        reload();
      }} />}
    </section>
  );
}

function About({ node }: { node: NodeInfo }) {
  const t = useText();
  return (
    <section className="card">
      <header>
        <h2>{t("node.about")}</h2>
      </header>
      <div className="body">
        <Facts facts={[
          [t("node.kind"), t(node.created ? "node.kind.created" : "node.kind.passing")],
          [t("node.reader"), node.active
            ? <><bdi className="said">{node.agent || t("node.reader.unnamed")}</bdi>{node.host &&
              <span className="quiet"> {t("node.reader.host")} <bdi className="said">{node.host}</bdi></span>}</>
            : t("node.reader.none")],
          [t("nodes.port"), node.port
            ? <><span id="node-port">{node.port}</span> <code className="quiet">nc 127.0.0.1 {node.port}</code></>
            : t("node.port.none")],
        ]} />
      </div>
    </section>
  );
}

function Mailbox({ node, reload }: { node: NodeInfo; reload: () => void }) {
  const t = useText();
  const [purging, setPurging] = useState(false);
  const at = path("nodes", node.node_id, "mailbox");
  const { data, problem, reload: again } = useData<MessagePage>(at + query({ count: 100 }), kRefreshMs);

  async function purge() {
    const { purged } = await remove<{ purged: number }>(at);
    noticeDone(t("node.purged", { n: purged }));
    again();
    reload();
  }

  if (problem && problem.status === 501) {
    return <Empty icon="dead" title={t("log.unkept")}>{problem.said().hint}</Empty>;
  }
  if (problem && !data) return <Failure problem={problem} retry={again} />;
  if (!data) return <Loading />;
  if (data.messages.length === 0) {
    return (
      <Empty icon="dead" title={t("node.mailbox.empty")}>{t("node.mailbox.empty.hint", { name: node.node_id })}</Empty>
    );
  }
  return (
    <>
      <div className="row padded">
        <span className="quiet small">
          {t("node.mailbox.count", { n: node.queued, size: joined(size(node.queued_bytes)) })}
        </span>
        <button type="button" className="button danger push" onClick={() => setPurging(true)}>
          <Icon name="trash" />
          {t("node.purge")}
        </button>
      </div>
      <ol className="log">
        {data.messages.map((message) => (
          <MessageRow key={keyOf(message)} message={message} />
        ))}
      </ol>
      {purging && (
        <FormDialog title={t("node.purge.title", { name: node.node_id })} action={t("node.purge")} danger
          onClose={() => setPurging(false)} run={purge}>
          <p>{t("node.purge.text", { n: node.queued })}</p>
        </FormDialog>
      )}
    </>
  );
}

type Tab = "messages" | "mailbox" | "console";

export function NodeDetail({ id }: { id: string }) {
  const t = useText();
  const [tab, setTab] = useState<Tab>("messages");
  const [deleting, setDeleting] = useState(false);
  const { data: node, problem, reload } = useData<NodeInfo>(path("nodes", id), kRefreshMs);
  if (problem && problem.code === "no_such_node" && tab !== "console") {
    return (
      <section className="card">
        <Empty icon="nodes" title={t("node.missing", { name: id })}
          action={<a className="button" href={to("nodes")}>{t("node.all")}</a>}>
          {t("node.missing.hint")}
        </Empty>
      </section>
    );
  }
  if (problem && !node) return <Failure problem={problem} retry={reload} />;
  if (!node) return <Loading />;
  const figures: [string, string, string][] = [
    [t("nodes.queued"), count(node.queued), joined(size(node.queued_bytes))],
    [t("nodes.received"), count(node.received), t("node.received.note")],
    [t("node.acknowledged"), count(node.acknowledged), t("node.acknowledged.note")],
    [t("nodes.sent"), count(node.sent), t("node.sent.note")],
  ];
  return (
    <>
      <div className="row">
        <Activity active={node.active} />
        <span className="push" />
        <a className="button" href={to("send", id)}>
          <Icon name="send" />
          {t("node.write")}
        </a>
        <button type="button" className="button danger" onClick={() => setDeleting(true)}>
          <Icon name="trash" />
          {t("do.delete")}
        </button>
      </div>
      <div className="tiles">
        {figures.map(([name, value, note]) => (
          <dl key={name} className="card tile">
            <dt>{name}</dt>
            <dd>{value}</dd>
            <dd className="note">{note}</dd>
          </dl>
        ))}
      </div>
      <div className="pair">
        <About node={node} />
        <Groups node={node} reload={reload} />
      </div>
      <Segments label={t("node.views")} name="view" value={tab} onChange={setTab} options={[
        { value: "messages", label: t("node.messages") },
        { value: "mailbox", label: t("node.mailbox") },
        { value: "console", label: t("node.console") },
      ]} />
      <section className="card" id={"node-" + tab}>
        {tab === "messages" && (
          <MessageLog key={id} path={path("nodes", id, "messages")} empty={t("node.messages.empty", { name: id })} />
        )}
        {tab === "mailbox" && <Mailbox node={node} reload={reload} />}
        {tab === "console" && <Console key={id} id={id} />}
      </section>
      {deleting && <DeleteNode node={node} onClose={() => setDeleting(false)} onDone={() => go("nodes")} />}
    </>
  );
}
