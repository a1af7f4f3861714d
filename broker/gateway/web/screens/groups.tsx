// Groups: who is in which, what they hold, and one group with its members and messages.
import { useState } from "react";
import { path, post, remove } from "../lib/api";
import { useData, useList, useNodeNames } from "../lib/data";
import { count, joined, size } from "../lib/format";
import { go, to } from "../lib/route";
import { useText } from "../lib/text";
import { GroupInfo, GroupList } from "../lib/types";
import { Chips } from "../ui/chips";
import { FormDialog } from "../ui/dialog";
import { NameField, Search, kName } from "../ui/fields";
import { Icon } from "../ui/icons";
import { GroupLink, NodeLink } from "../ui/marks";
import { MessageLog } from "../ui/message_log";
import { noticeDone, noticeFailed } from "../ui/notices";
import { Pager, kPage } from "../ui/pager";
import { Empty, Failure, Loading } from "../ui/states";

const kRefreshMs = 2000;
const kShown = 500; // members that a group shows

function CreateGroup({ onClose }: { onClose: () => void }) {
  const t = useText();
  const [name, setName] = useState("");
  const [members, setMembers] = useState<string[]>([]);
  const names = useNodeNames();
  const run = async () => {
    await post("/api/groups", { group_id: name, nodes: members });
    noticeDone(t("groups.created", { name }));
  };
  return (
    <FormDialog title={t("groups.create")} action={t("do.create")} onClose={onClose} run={run} ready={kName.test(name)}>
      <NameField label={t("groups.name")} name="group_id" note={t("name.note")} value={name} onChange={setName} />
      <Chips label={t("groups.members")} name="members" note={t("groups.members.note")} values={members}
        onChange={setMembers} list={names} />
    </FormDialog>
  );
}

function AddMembers({ group, onClose }: { group: GroupInfo; onClose: () => void }) {
  const t = useText();
  const [members, setMembers] = useState<string[]>([]);
  const names = useNodeNames().filter((name) => !group.members.includes(name));
  const run = async () => {
    await post(path("groups", group.group_id, "members"), { nodes: members });
    noticeDone(t("groups.added", { n: members.length, group: group.group_id }));
  };
  return (
    <FormDialog title={t("groups.add.title", { name: group.group_id })} action={t("do.add")} onClose={onClose} run={run}
      ready={members.length > 0}>
      <Chips label={t("groups.members")} name="members" note={t("groups.members.note")} values={members}
        onChange={setMembers} list={names} />
    </FormDialog>
  );
}

function Rows({ groups }: { groups: GroupInfo[] }) {
  const t = useText();
  return (
    <table className="table">
      <thead>
        <tr>
          <th>{t("groups.name")}</th>
          <th className="wide">{t("groups.members")}</th>
          <th className="num">{t("groups.members.count")}</th>
          <th className="num">{t("groups.messages")}</th>
          <th className="num wide">{t("groups.bytes")}</th>
        </tr>
      </thead>
      <tbody>
        {groups.map((group) => (
          <tr key={group.group_id} data-group={group.group_id}>
            <td>
              <div className="clip">
                <GroupLink id={group.group_id} />
              </div>
            </td>
            <td className="wide">
              <div className="clip quiet">{group.members.slice(0, 20).join(", ") || "–"}</div>
            </td>
            <td className="num">{count(group.member_count)}</td>
            <td className="num">{count(group.messages)}</td>
            <td className="num wide">{joined(size(group.bytes))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Groups() {
  const t = useText();
  const [search, setSearch] = useState("");
  const [creating, setCreating] = useState(false);
  const { list, from, problem, reload, turn } = useList<GroupList>("/api/groups", search, kPage, kRefreshMs);
  const create = (
    <button type="button" className="button primary" onClick={() => setCreating(true)}>
      <Icon name="plus" />
      {t("groups.create")}
    </button>
  );
  return (
    <>
      <div className="row">
        <Search value={search} onChange={setSearch} label={t("groups.search")} />
        {list && <span className="quiet small">{t("groups.count", { n: list.total })}</span>}
        <span className="push" />
        {create}
      </div>
      {problem && <Failure problem={problem} retry={reload} />}
      <section className="card" hidden={!list && problem !== null}>
        {!list && <Loading />}
        {list && list.groups.length === 0 && search !== "" && (
          <Empty icon="search" title={t("nodes.none.found", { name: search })}>{t("nodes.none.found.hint")}</Empty>
        )}
        {list && list.groups.length === 0 && search === "" && (
          <Empty icon="groups" title={t("groups.none")} action={create}>{t("groups.none.hint")}</Empty>
        )}
        {list && list.groups.length > 0 && <Rows groups={list.groups} />}
      </section>
      {list && <Pager from={from} shown={list.groups.length} total={list.total} onMove={turn} />}
      {creating && <CreateGroup onClose={() => {
        setCreating(false);
        reload();
      }} />}
    </>
  );
}

function Members({ group, reload }: { group: GroupInfo; reload: () => void }) {
  const t = useText();
  const [adding, setAdding] = useState(false);

  async function out(name: string) {
    try {
      const left = await remove<{ deleted?: string }>(path("groups", group.group_id, "members", name));
      noticeDone(t("groups.left", { name, group: group.group_id }));
      if (left.deleted) go("groups");
    } catch (error) {
      noticeFailed(error);
    }
    reload();
  }

  return (
    <section className="card">
      <header>
        <h2>{t("groups.members")}</h2>
        <span className="quiet small">{count(group.member_count)}</span>
        <button type="button" className="button plain push" onClick={() => setAdding(true)}>
          <Icon name="plus" />
          {t("groups.add")}
        </button>
      </header>
      <div className="body row tight">
        {group.members.length === 0 && <p className="quiet">{t("groups.empty")}</p>}
        {group.members.slice(0, kShown).map((name) => (
          <span key={name} className="chip">
            <NodeLink id={name} />
            <button type="button" aria-label={t("groups.take_out", { name })} onClick={() => out(name)}>
              <Icon name="close" size={12} />
            </button>
          </span>
        ))}
        {group.member_count > kShown && (
          <span className="quiet small">{t("groups.others", { n: count(group.member_count - kShown) })}</span>
        )}
      </div>
      {adding && <AddMembers group={group} onClose={() => {
        setAdding(false);
        reload();
      }} />}
    </section>
  );
}

export function GroupDetail({ id }: { id: string }) {
  const t = useText();
  const [deleting, setDeleting] = useState(false);
  const { data: group, problem, reload } = useData<GroupInfo>(path("groups", id), kRefreshMs);
  if (problem && problem.code === "no_such_group") {
    return (
      <section className="card">
        <Empty icon="groups" title={t("group.missing", { name: id })}
          action={<a className="button" href={to("groups")}>{t("group.all")}</a>}>
          {t("group.missing.hint")}
        </Empty>
      </section>
    );
  }
  if (problem && !group) return <Failure problem={problem} retry={reload} />;
  if (!group) return <Loading />;

  async function run() {
    await remove(path("groups", id));
    noticeDone(t("groups.deleted", { name: id }));
    go("groups");
  }

  return (
    <>
      <div className="row">
        <span className="quiet small line">
          {t("group.facts", { n: group.messages, size: joined(size(group.bytes)) })}
        </span>
        <span className="push" />
        <a className="button" href={to("send", "group", id)}>
          <Icon name="send" />
          {t("node.write")}
        </a>
        <button type="button" className="button danger" onClick={() => setDeleting(true)}>
          <Icon name="trash" />
          {t("do.delete")}
        </button>
      </div>
      <Members group={group} reload={reload} />
      <section className="card">
        <header>
          <h2>{t("node.messages")}</h2>
        </header>
        <MessageLog key={id} path={path("groups", id, "messages")} empty={t("group.messages.empty")} />
      </section>
      {deleting && (
        <FormDialog title={t("groups.delete.title", { name: id })} action={t("do.delete")} danger
          onClose={() => setDeleting(false)} run={run}>
          <p>{t("groups.delete.text", { n: group.member_count })}</p>
        </FormDialog>
      )}
    </>
  );
}
